-- Who signs in, what they let apps do, and what may be used once.

-- The accounts of those who run the platform.
ALTER TABLE users ADD COLUMN operator BOOLEAN NOT NULL DEFAULT FALSE;
CREATE INDEX users_operators ON users (id) WHERE operator = TRUE;
-- The same e-mail may stand under several roots; signing in asks for all.
CREATE INDEX users_by_login ON users (email) WHERE email IS NOT NULL AND deactivated_at IS NULL;

-- Whom an OpenID provider means when it speaks of a user. It was told once, by
-- e-mail, and holds from then on: addresses are given to others.
CREATE TABLE identities (
	user_id BYTEA NOT NULL REFERENCES users (id),
	issuer TEXT NOT NULL,
	subject TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	PRIMARY KEY (user_id, issuer)
);

-- Codes are signed and not stored; here are those that were used, until they
-- would have expired.
CREATE TABLE used_codes (
	id BYTEA NOT NULL PRIMARY KEY,
	expires_at BIGINT NOT NULL
);
CREATE INDEX used_codes_by_age ON used_codes (expires_at);

-- Why somebody decided as they did, in their own words.
ALTER TABLE resolutions ADD COLUMN reason TEXT NOT NULL DEFAULT '';

-- Tokens are listed by whom they speak for, newest first.
DROP INDEX tokens_by_user;
DROP INDEX tokens_by_installation;
CREATE INDEX tokens_by_user ON tokens (user_id, created_at, id) WHERE revoked_at IS NULL;
CREATE INDEX tokens_by_installation ON tokens (installation_id, created_at, id) WHERE revoked_at IS NULL;
CREATE INDEX tokens_of_platform ON tokens (created_at, id) WHERE kind = 'platform' AND revoked_at IS NULL;

-- Calls of trigger URLs are forgotten with giosg's log, and are not in it.
DROP INDEX deliveries_ended;
CREATE INDEX deliveries_ended ON deliveries (ended_at) WHERE dialect IN ('giosg', 'trigger') AND ended_at IS NOT NULL;
DROP INDEX attempts_by_age;
CREATE INDEX attempts_by_age ON attempts ((listed_at + 0)) WHERE dialect IN ('giosg', 'trigger');

-- Where somebody agreed: what they let an enterprise's app do at one workspace
-- they did not let it do at the next.
ALTER TABLE grants ADD COLUMN org_id BYTEA REFERENCES orgs (id);
UPDATE grants SET org_id = (SELECT i.org_id FROM installations i WHERE i.id = grants.installation_id);
DROP INDEX grants_active;
CREATE UNIQUE INDEX grants_active ON grants (installation_id, user_id, org_id) WHERE status = 'active';
