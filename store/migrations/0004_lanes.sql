-- What the courier needs beside its outbox: leases, how endpoints fare, what is
-- settled, told and replayed bit by bit.

-- A delivery carries the epoch that its webhook had at its birth: raising it ends
-- all that are older, with one row. old_secret signs beside secret until old_until.
ALTER TABLE webhooks ADD COLUMN epoch BIGINT NOT NULL DEFAULT 0;
ALTER TABLE webhooks ADD COLUMN disabled_at BIGINT;
ALTER TABLE webhooks ADD COLUMN disabled_why TEXT NOT NULL DEFAULT '';
ALTER TABLE webhooks ADD COLUMN old_secret BYTEA;
ALTER TABLE webhooks ADD COLUMN old_until BIGINT;

-- Many nodes on one database: who is there until when, and which of the shards
-- that endpoints fall into each may send for. epoch grows whenever a shard goes
-- to another node; what one that lost it records carries an old number.
CREATE TABLE nodes (
	id BYTEA NOT NULL PRIMARY KEY,
	name TEXT NOT NULL,
	until BIGINT NOT NULL
);
CREATE TABLE shards (
	number BIGINT NOT NULL PRIMARY KEY,
	node_id BYTEA,
	epoch BIGINT NOT NULL,
	until BIGINT
);
INSERT INTO shards (number, epoch)
	WITH RECURSIVE counted (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM counted WHERE n < 127)
	SELECT n, 0 FROM counted;

-- How an endpoint (a webhook, or an app for its trigger URL) fares. failures
-- counts since failing_since; hour is the last hour, JSON; warned is how many
-- warnings its owner got.
CREATE TABLE lanes (
	endpoint_id BYTEA NOT NULL PRIMARY KEY,
	app_id BYTEA NOT NULL,
	dialect TEXT NOT NULL,
	succeeded_at BIGINT,
	failing_since BIGINT,
	failures BIGINT NOT NULL,
	gone BOOLEAN NOT NULL,
	hour TEXT NOT NULL,
	breaker TEXT NOT NULL CHECK (breaker IN ('closed', 'open', 'half_open')),
	probe_at BIGINT,
	trips BIGINT NOT NULL,
	warned BIGINT NOT NULL,
	updated_at BIGINT NOT NULL
);
CREATE INDEX lanes_failing ON lanes (failing_since, endpoint_id) WHERE failing_since IS NOT NULL;

-- How many deliveries ended how, by day (of UTC, since 1970) and by the node that counted.
CREATE TABLE delivery_counts (
	app_id BYTEA NOT NULL,
	day BIGINT NOT NULL,
	status TEXT NOT NULL,
	node BYTEA NOT NULL,
	deliveries BIGINT NOT NULL,
	PRIMARY KEY (app_id, day, status, node)
);

-- An event for more endpoints than a verb tells: pairs of the IDs of a webhook
-- and an installation, 32 bytes each. done is how many of them have been told.
CREATE TABLE fanouts (
	id BYTEA NOT NULL PRIMARY KEY,
	event_id BYTEA NOT NULL,
	endpoints BYTEA NOT NULL,
	done BIGINT NOT NULL,
	created_at BIGINT NOT NULL
);

-- What somebody asked to be delivered again: the deliveries to a webhook that
-- were created since a time and before another, with one of some statuses.
CREATE TABLE replays (
	id BYTEA NOT NULL PRIMARY KEY,
	webhook_id BYTEA NOT NULL,
	app_id BYTEA NOT NULL,
	since BIGINT NOT NULL,
	before BIGINT NOT NULL,
	statuses TEXT NOT NULL,
	status TEXT NOT NULL CHECK (status IN ('running', 'done', 'cancelled')),
	seen BIGINT NOT NULL,
	replayed BIGINT NOT NULL,
	created_by BYTEA,
	created_at BIGINT NOT NULL,
	ended_at BIGINT
);
CREATE INDEX replays_by_webhook ON replays (webhook_id, created_at, id);

-- The jobs anew, with kinds for deliveries that are settled bit by bit, for
-- fanouts and for replays.
CREATE TABLE work (
	id BYTEA NOT NULL PRIMARY KEY,
	kind TEXT NOT NULL CHECK (kind IN ('installations', 'requests', 'partner', 'wishes', 'spread', 'icons',
		'settle_webhook', 'settle_installation', 'fanout', 'replay')),
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
