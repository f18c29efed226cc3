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
