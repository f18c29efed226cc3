-- What a webhook of Zoom's wire has beside: its name, the header that its
-- requests carry (sealed), whose events it hears and in which environment, where
-- it comes from, and, of one that the API made, the accounts that it was made for
-- (IDs with blanks between).
ALTER TABLE webhooks ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE webhooks ADD COLUMN auth BYTEA;
ALTER TABLE webhooks ADD COLUMN reach TEXT NOT NULL DEFAULT '';
ALTER TABLE webhooks ADD COLUMN environment TEXT NOT NULL DEFAULT '';
ALTER TABLE webhooks ADD COLUMN source TEXT NOT NULL DEFAULT '';
ALTER TABLE webhooks ADD COLUMN accounts TEXT NOT NULL DEFAULT '';
ALTER TABLE webhooks ADD COLUMN extended BOOLEAN NOT NULL DEFAULT FALSE;

-- When a URL is asked next whether it is still its app's, and how it answered:
-- failures are in a row. A webhook that is not here is not asked.
CREATE TABLE url_checks (
	webhook_id BYTEA NOT NULL PRIMARY KEY,
	app_id BYTEA NOT NULL,
	next_at BIGINT NOT NULL,
	checked_at BIGINT,
	failing_since BIGINT,
	failures BIGINT NOT NULL,
	why TEXT NOT NULL
);
CREATE INDEX url_checks_due ON url_checks (next_at, webhook_id);

-- The token by which old receivers know their sender, sealed.
ALTER TABLE credentials ADD COLUMN zoom_verification_token BYTEA;

-- The jobs anew, without a list of their kinds: that is kept in store/jobs.go.
CREATE TABLE work (
	id BYTEA NOT NULL PRIMARY KEY,
	kind TEXT NOT NULL,
	app_id BYTEA,
	org_id BYTEA,
	other_id BYTEA,
	event_id BYTEA,
	verb TEXT NOT NULL,
	face TEXT NOT NULL,
	user_id BYTEA,
	token_id BYTEA,
	platform BOOLEAN NOT NULL,
	after_at BIGINT,
	after_id BYTEA,
	created_at BIGINT NOT NULL,
	next_at BIGINT NOT NULL
);
INSERT INTO work (id, kind, app_id, org_id, other_id, event_id, verb, face, user_id, token_id, platform,
		after_at, after_id, created_at, next_at)
	SELECT id, kind, app_id, org_id, other_id, event_id, verb, face, user_id, token_id, platform,
		after_at, after_id, created_at, next_at FROM jobs;
DROP TABLE jobs;
ALTER TABLE work RENAME TO jobs;
CREATE INDEX jobs_due ON jobs (next_at, id);
