-- Apps as clients of Zoom's OAuth. A secret that was replaced answers for a while
-- beside the new one; one that signs is replaced at an instant that was announced.

ALTER TABLE credentials ADD COLUMN zoom_old_client_secret BYTEA;
ALTER TABLE credentials ADD COLUMN zoom_old_until BIGINT;
ALTER TABLE credentials ADD COLUMN zoom_rotation_id BYTEA;
ALTER TABLE credentials ADD COLUMN zoom_rotated_at BIGINT;
-- When the last three changes of that were made, the latest first.
ALTER TABLE credentials ADD COLUMN zoom_rotations TEXT NOT NULL DEFAULT '';
ALTER TABLE credentials ADD COLUMN zoom_next_webhook_secret BYTEA;
ALTER TABLE credentials ADD COLUMN zoom_webhook_switch_at BIGINT;

-- The tokens anew, with a kind for those that renew Zoom's. family_id is what
-- tokens share that renewed one another: the ID of the first that renews.
CREATE TABLE held_tokens (
	id BYTEA NOT NULL PRIMARY KEY,
	hash BYTEA NOT NULL,
	kind TEXT NOT NULL CHECK (kind IN ('token', 'xoxp', 'xoxb', 'xapp', 'xoxe', 'zoom', 'zoom_refresh', 'platform', 'session')),
	user_id BYTEA REFERENCES users (id),
	installation_id BYTEA REFERENCES installations (id),
	app_id BYTEA REFERENCES apps (id),
	org_id BYTEA REFERENCES orgs (id),
	family_id BYTEA,
	scopes TEXT NOT NULL,
	description TEXT NOT NULL,
	networks TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	expires_at BIGINT,
	revoked_at BIGINT
);
INSERT INTO held_tokens (id, hash, kind, user_id, installation_id, app_id, org_id, scopes, description,
		networks, created_at, expires_at, revoked_at)
	SELECT id, hash, kind, user_id, installation_id, app_id, org_id, scopes, description,
		networks, created_at, expires_at, revoked_at FROM tokens;
DROP TABLE tokens;
ALTER TABLE held_tokens RENAME TO tokens;
CREATE UNIQUE INDEX tokens_by_hash ON tokens (hash);
CREATE INDEX tokens_by_user ON tokens (user_id, created_at, id) WHERE revoked_at IS NULL;
CREATE INDEX tokens_by_installation ON tokens (installation_id, created_at, id) WHERE revoked_at IS NULL;
CREATE INDEX tokens_of_platform ON tokens (created_at, id) WHERE kind = 'platform' AND revoked_at IS NULL;
-- Those of apps for themselves.
CREATE INDEX tokens_by_app ON tokens (app_id, created_at, id) WHERE kind = 'zoom' AND installation_id IS NULL AND revoked_at IS NULL;
CREATE INDEX tokens_by_family ON tokens (family_id) WHERE family_id IS NOT NULL AND revoked_at IS NULL;
-- Zoom's live for an hour and are made each hour: they are forgotten again.
CREATE INDEX tokens_over ON tokens (expires_at) WHERE kind IN ('zoom', 'zoom_refresh') AND expires_at IS NOT NULL;
