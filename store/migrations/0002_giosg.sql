-- What giosg's face needs: contacts, assets, invitations, channels, a log with
-- one entry for each request, and what is done bit by bit.

ALTER TABLE orgs ADD COLUMN contact TEXT NOT NULL DEFAULT '{}';
ALTER TABLE orgs ADD COLUMN updated_at BIGINT;
UPDATE orgs SET updated_at = created_at;

ALTER TABLE users ADD COLUMN updated_at BIGINT;
UPDATE users SET updated_at = created_at;

-- What a calls b, and b calls a.
ALTER TABLE partnerships ADD COLUMN name_a TEXT NOT NULL DEFAULT '';
ALTER TABLE partnerships ADD COLUMN name_b TEXT NOT NULL DEFAULT '';
DROP INDEX partnerships_by_b;
CREATE INDEX partnerships_by_a ON partnerships (a_id, created_at, b_id);
CREATE INDEX partnerships_by_b ON partnerships (b_id, created_at, a_id);

-- to_id refers to nothing: whoever invites does not learn who is there.
CREATE TABLE invitations (
	id BYTEA NOT NULL PRIMARY KEY,
	from_id BYTEA NOT NULL REFERENCES orgs (id),
	to_id BYTEA NOT NULL,
	created_by BYTEA,
	created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX invitations_outgoing ON invitations (from_id, to_id);
CREATE INDEX invitations_sent ON invitations (from_id, created_at, id);
CREATE INDEX invitations_received ON invitations (to_id, created_at, id);

CREATE TABLE assets (
	id BYTEA NOT NULL PRIMARY KEY,
	org_id BYTEA NOT NULL REFERENCES orgs (id),
	name TEXT NOT NULL,
	description TEXT NOT NULL,
	file_name TEXT NOT NULL,
	content_type TEXT NOT NULL,
	size BIGINT NOT NULL,
	width BIGINT NOT NULL,
	height BIGINT NOT NULL,
	created_by BYTEA,
	updated_by BYTEA,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	content BYTEA NOT NULL
);
CREATE INDEX assets_by_org ON assets (org_id, created_at, id);

ALTER TABLE apps ADD COLUMN icon_id BYTEA;
ALTER TABLE apps ADD COLUMN created_by BYTEA;
ALTER TABLE apps ADD COLUMN updated_by BYTEA;
DROP INDEX apps_by_owner;
CREATE INDEX apps_by_owner ON apps (owner_id, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX apps_public ON apps (created_at, id)
	WHERE is_available_to_anyone = TRUE AND listing = 'listed' AND suspended = FALSE AND deleted_at IS NULL;
CREATE INDEX apps_by_listing ON apps (listing, created_at, id) WHERE deleted_at IS NULL;
CREATE INDEX apps_by_icon ON apps (icon_id, id) WHERE icon_id IS NOT NULL AND deleted_at IS NULL;

-- The id and the maker of a share; other rights have neither.
ALTER TABLE rights ADD COLUMN id BYTEA;
ALTER TABLE rights ADD COLUMN created_by BYTEA;
CREATE UNIQUE INDEX rights_by_id ON rights (id) WHERE id IS NOT NULL;

-- How many live installations an app has, in parts: installing touches one of
-- them, so that one popular app is not one hot row.
CREATE TABLE installation_counts (
	app_id BYTEA NOT NULL REFERENCES apps (id),
	part BIGINT NOT NULL,
	live BIGINT NOT NULL,
	PRIMARY KEY (app_id, part)
);
INSERT INTO installation_counts (app_id, part, live)
	SELECT app_id, 0, count(*) FROM installations WHERE status <> 'ended' GROUP BY app_id;
DROP INDEX installations_by_org;
CREATE INDEX installations_by_org ON installations (org_id, created_at, id) WHERE status <> 'ended';
CREATE INDEX installations_by_app ON installations (app_id, created_at, id) WHERE status <> 'ended';
CREATE INDEX installations_by_app_user ON installations (app_user_id) WHERE app_user_id IS NOT NULL;

-- A request may be a wish to install: JSON, or empty.
ALTER TABLE requests ADD COLUMN wish TEXT NOT NULL DEFAULT '';

ALTER TABLE webhooks ADD COLUMN created_by BYTEA;
ALTER TABLE webhooks ADD COLUMN updated_by BYTEA;

-- The channels that a webhook asked for. last is the last segment of the
-- pattern: few patterns end like any one channel.
CREATE TABLE channel_subscriptions (
	webhook_id BYTEA NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
	place BIGINT NOT NULL,
	app_id BYTEA NOT NULL,
	pattern TEXT NOT NULL,
	last TEXT NOT NULL,
	additions BOOLEAN NOT NULL,
	changes BOOLEAN NOT NULL,
	removals BOOLEAN NOT NULL,
	PRIMARY KEY (webhook_id, place)
);
CREATE INDEX channel_subscriptions_by_app ON channel_subscriptions (app_id, last);
CREATE INDEX channel_subscriptions_by_last ON channel_subscriptions (last, app_id);
-- Where an app is installed, in the order in which a change of it is told.
CREATE INDEX reach_by_app ON reach (app_id, org_id);

-- The outbox anew. A pending delivery without next_at waits for another to the
-- same webhook about the same resource of the same channel. entry_id is of what the log shows and
-- attempts does not: a request to come, or one that was never made.
CREATE TABLE outbox (
	id BYTEA NOT NULL PRIMARY KEY,
	event_id BYTEA NOT NULL,
	webhook_id BYTEA NOT NULL,
	app_id BYTEA NOT NULL,
	installation_id BYTEA,
	dialect TEXT NOT NULL,
	final BOOLEAN NOT NULL,
	body BYTEA NOT NULL,
	channel TEXT NOT NULL,
	action TEXT NOT NULL,
	resource TEXT NOT NULL,
	speaker_id BYTEA,
	status TEXT NOT NULL CHECK (status IN ('pending', 'successful', 'exhausted', 'cancelled', 'skipped')),
	attempts BIGINT NOT NULL,
	last_outcome TEXT NOT NULL,
	next_at BIGINT,
	claimed_at BIGINT,
	entry_id BYTEA,
	entry_at BIGINT NOT NULL,
	created_at BIGINT NOT NULL,
	ended_at BIGINT,
	note TEXT NOT NULL,
	CHECK (status = 'pending' AND (next_at IS NOT NULL OR resource <> '') OR status <> 'pending' AND next_at IS NULL),
	CHECK (claimed_at IS NULL OR next_at IS NOT NULL)
);
INSERT INTO outbox (id, event_id, webhook_id, app_id, installation_id, dialect, final, body, channel, action, resource,
		status, attempts, last_outcome, next_at, entry_id, entry_at, created_at, ended_at, note)
	SELECT id, event_id, webhook_id, app_id, installation_id, dialect, final, body, '', '', '',
		status, attempts, last_outcome, next_at, CASE WHEN status NOT IN ('successful', 'exhausted') THEN id END, created_at,
		created_at, ended_at, note FROM deliveries;
DROP TABLE deliveries;
ALTER TABLE outbox RENAME TO deliveries;
CREATE INDEX deliveries_due ON deliveries (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX deliveries_by_webhook ON deliveries (webhook_id, created_at, id);
CREATE INDEX deliveries_pending_by_installation ON deliveries (installation_id) WHERE status = 'pending';
-- Who goes, and who waits behind them.
CREATE INDEX deliveries_leading ON deliveries (webhook_id, channel, resource) WHERE next_at IS NOT NULL AND resource <> '';
CREATE INDEX deliveries_waiting ON deliveries (webhook_id, channel, resource, created_at, id)
	WHERE status = 'pending' AND next_at IS NULL;
CREATE INDEX deliveries_listed ON deliveries (app_id, status, entry_at, entry_id)
	WHERE dialect = 'giosg' AND entry_id IS NOT NULL;
CREATE INDEX deliveries_listed_by_webhook ON deliveries (webhook_id, status, entry_at, entry_id)
	WHERE dialect = 'giosg' AND entry_id IS NOT NULL;
CREATE INDEX deliveries_claimed ON deliveries (app_id, entry_at, entry_id)
	WHERE dialect = 'giosg' AND claimed_at IS NOT NULL;
CREATE INDEX deliveries_ended ON deliveries (ended_at) WHERE dialect = 'giosg' AND ended_at IS NOT NULL;

-- What giosg's log shows of a request beside its outcome. It is asked for those
-- that succeeded and those that failed: each lies in the index of its own kind.
ALTER TABLE attempts ADD COLUMN dialect TEXT NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN app_id BYTEA;
ALTER TABLE attempts ADD COLUMN channel TEXT NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN action TEXT NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN resource TEXT NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN headers TEXT NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN listed_at BIGINT;
CREATE INDEX attempts_successful ON attempts (app_id, listed_at, id) WHERE dialect = 'giosg' AND outcome = 'ok';
CREATE INDEX attempts_failed ON attempts (app_id, listed_at, id) WHERE dialect = 'giosg' AND outcome <> 'ok';
CREATE INDEX attempts_successful_by_webhook ON attempts (webhook_id, listed_at, id) WHERE dialect = 'giosg' AND outcome = 'ok';
CREATE INDEX attempts_failed_by_webhook ON attempts (webhook_id, listed_at, id) WHERE dialect = 'giosg' AND outcome <> 'ok';
-- With a plus, so that only retention reads by it: PostgreSQL would take it for
-- the log of one webhook, and pass over those of all others.
CREATE INDEX attempts_by_age ON attempts ((listed_at + 0)) WHERE dialect = 'giosg';

-- Publications are no history of the marketplace, and are forgotten with the log.
CREATE INDEX events_published ON events (at) WHERE kind = 'channel.published';

-- What a verb began and left to be finished bit by bit. after_at and after_id
-- are how far it came, next_at is when to go on: later after a failure.
CREATE TABLE jobs (
	id BYTEA NOT NULL PRIMARY KEY,
	kind TEXT NOT NULL CHECK (kind IN ('installations', 'requests', 'partner', 'wishes', 'spread', 'icons')),
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
CREATE INDEX jobs_due ON jobs (next_at, id);

-- What publications were answered under a key of the caller's.
CREATE TABLE idempotency (
	key BYTEA NOT NULL PRIMARY KEY,
	input BYTEA NOT NULL,
	answer TEXT NOT NULL,
	created_at BIGINT NOT NULL
);
CREATE INDEX idempotency_by_age ON idempotency (created_at);
