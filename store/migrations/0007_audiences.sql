-- A grant that an admin disabled for its user: its tokens are silent until it is
-- enabled again.
ALTER TABLE grants ADD COLUMN disabled_at BIGINT;

-- Everybody under a root org, a part at a time.
CREATE INDEX users_by_root ON users (root_id, created_at, id) WHERE is_bot = FALSE AND deactivated_at IS NULL;

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
