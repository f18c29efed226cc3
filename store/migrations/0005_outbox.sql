-- The outbox anew, and the log in parts.

-- The outbox has what is still to be delivered and nothing else. next_at is when
-- the next attempt is due; what waits for another in its line has none, and what
-- is held has none. aside is what was asked to be delivered again: it stands in
-- no line. started_at is of a request that has run for a while. base is how many
-- attempts were made before it was asked to be delivered again.
CREATE TABLE outbox (
	id BYTEA NOT NULL PRIMARY KEY,
	event_id BYTEA NOT NULL,
	webhook_id BYTEA NOT NULL,
	app_id BYTEA NOT NULL,
	installation_id BYTEA,
	dialect TEXT NOT NULL,
	final BOOLEAN NOT NULL,
	epoch BIGINT NOT NULL,
	channel TEXT NOT NULL,
	action TEXT NOT NULL,
	resource TEXT NOT NULL,
	aside BOOLEAN NOT NULL DEFAULT FALSE,
	speaker_id BYTEA,
	trace TEXT NOT NULL,
	status TEXT NOT NULL CHECK (status IN ('pending', 'held')),
	attempts BIGINT NOT NULL,
	base BIGINT NOT NULL,
	last_outcome TEXT NOT NULL,
	next_at BIGINT,
	started_at BIGINT,
	entry_id BYTEA,
	entry_at BIGINT NOT NULL,
	created_at BIGINT NOT NULL,
	note TEXT NOT NULL,
	body BYTEA NOT NULL,
	CHECK (status = 'pending' AND (next_at IS NOT NULL OR resource <> '' AND aside = FALSE) OR status = 'held' AND next_at IS NULL),
	CHECK (started_at IS NULL OR next_at IS NOT NULL)
);
INSERT INTO outbox (id, event_id, webhook_id, app_id, installation_id, dialect, final, epoch, channel, action, resource,
		speaker_id, trace, status, attempts, base, last_outcome, next_at, entry_id, entry_at, created_at, note, body)
	SELECT id, event_id, webhook_id, app_id, installation_id, dialect, final, 0, channel, action, resource,
		speaker_id, '', status, attempts, 0, last_outcome, next_at, entry_id, entry_at, created_at, note, body
	FROM deliveries WHERE status = 'pending';

-- The log comes in parts: attempts_N and ended_N, what was recorded since a
-- time. The newest is written to. store/parts.go makes them, all like this one.
CREATE TABLE log_parts (
	number BIGINT NOT NULL PRIMARY KEY,
	since BIGINT NOT NULL
);
INSERT INTO log_parts (number, since) VALUES (1, 0);

-- How large parts are, by the node that wrote: no row is everybody's.
CREATE TABLE log_sizes (
	part BIGINT NOT NULL,
	node BYTEA NOT NULL,
	entries BIGINT NOT NULL,
	bytes BIGINT NOT NULL,
	PRIMARY KEY (part, node)
);

CREATE TABLE ended_1 (
	id BYTEA NOT NULL PRIMARY KEY,
	event_id BYTEA NOT NULL,
	webhook_id BYTEA NOT NULL,
	app_id BYTEA NOT NULL,
	installation_id BYTEA,
	dialect TEXT NOT NULL,
	final BOOLEAN NOT NULL,
	epoch BIGINT NOT NULL,
	channel TEXT NOT NULL,
	action TEXT NOT NULL,
	resource TEXT NOT NULL,
	speaker_id BYTEA,
	trace TEXT NOT NULL,
	status TEXT NOT NULL CHECK (status IN ('successful', 'exhausted', 'cancelled', 'skipped')),
	attempts BIGINT NOT NULL,
	base BIGINT NOT NULL,
	last_outcome TEXT NOT NULL,
	entry_id BYTEA,
	entry_at BIGINT NOT NULL,
	created_at BIGINT NOT NULL,
	ended_at BIGINT NOT NULL,
	note TEXT NOT NULL,
	body BYTEA NOT NULL
);
INSERT INTO ended_1 (id, event_id, webhook_id, app_id, installation_id, dialect, final, epoch, channel, action, resource,
		speaker_id, trace, status, attempts, base, last_outcome, entry_id, entry_at, created_at, ended_at, note, body)
	SELECT id, event_id, webhook_id, app_id, installation_id, dialect, final, 0, channel, action, resource,
		speaker_id, '', status, attempts, 0, last_outcome, entry_id, entry_at, created_at, ended_at, note, body
	FROM deliveries WHERE status <> 'pending';
CREATE INDEX ended_1_by_webhook ON ended_1 (webhook_id, status, created_at, id);
CREATE INDEX ended_1_listed ON ended_1 (app_id, status, entry_at, entry_id)
	WHERE dialect = 'giosg' AND entry_id IS NOT NULL;
CREATE INDEX ended_1_listed_by_webhook ON ended_1 (webhook_id, status, entry_at, entry_id)
	WHERE dialect = 'giosg' AND entry_id IS NOT NULL;

CREATE TABLE attempts_1 (
	id BYTEA NOT NULL,
	delivery_id BYTEA NOT NULL,
	dialect TEXT NOT NULL,
	app_id BYTEA,
	webhook_id BYTEA NOT NULL,
	channel TEXT NOT NULL,
	action TEXT NOT NULL,
	resource TEXT NOT NULL,
	number BIGINT NOT NULL,
	url TEXT NOT NULL,
	outcome TEXT NOT NULL,
	status BIGINT NOT NULL,
	answer TEXT NOT NULL,
	headers TEXT NOT NULL,
	detail TEXT NOT NULL,
	listed_at BIGINT,
	started_at BIGINT NOT NULL,
	duration BIGINT NOT NULL,
	PRIMARY KEY (delivery_id, id)
);
INSERT INTO attempts_1 (id, delivery_id, dialect, app_id, webhook_id, channel, action, resource, number, url,
		outcome, status, answer, headers, detail, listed_at, started_at, duration)
	SELECT id, delivery_id, dialect, app_id, webhook_id, channel, action, resource, number, url,
		outcome, status, answer, headers, detail, listed_at, started_at, duration FROM attempts;
CREATE INDEX attempts_1_successful ON attempts_1 (app_id, listed_at, id) WHERE dialect = 'giosg' AND outcome = 'ok';
CREATE INDEX attempts_1_failed ON attempts_1 (app_id, listed_at, id) WHERE dialect = 'giosg' AND outcome <> 'ok';
CREATE INDEX attempts_1_successful_by_webhook ON attempts_1 (webhook_id, listed_at, id) WHERE dialect = 'giosg' AND outcome = 'ok';
CREATE INDEX attempts_1_failed_by_webhook ON attempts_1 (webhook_id, listed_at, id) WHERE dialect = 'giosg' AND outcome <> 'ok';

DROP TABLE attempts;
DROP TABLE deliveries;
ALTER TABLE outbox RENAME TO deliveries;
-- What is due anywhere, and what is due to one webhook.
CREATE INDEX deliveries_due ON deliveries (next_at, webhook_id) WHERE next_at IS NOT NULL;
CREATE INDEX deliveries_due_by_webhook ON deliveries (webhook_id, next_at, id) WHERE next_at IS NOT NULL;
-- What is still to be done for a webhook or an installation.
CREATE INDEX deliveries_by_webhook ON deliveries (webhook_id, status, epoch, created_at, id);
CREATE INDEX deliveries_by_installation ON deliveries (installation_id, id) WHERE installation_id IS NOT NULL;
-- Who goes, who waits behind them, and who is held before them.
CREATE INDEX deliveries_leading ON deliveries (webhook_id, channel, resource)
	WHERE next_at IS NOT NULL AND resource <> '' AND aside = FALSE;
CREATE INDEX deliveries_waiting ON deliveries (webhook_id, channel, resource, created_at, id)
	WHERE status = 'pending' AND next_at IS NULL;
CREATE INDEX deliveries_held ON deliveries (webhook_id, channel, resource, created_at, id)
	WHERE status = 'held' AND resource <> '' AND aside = FALSE;
CREATE INDEX deliveries_listed ON deliveries (app_id, entry_at, entry_id)
	WHERE dialect = 'giosg' AND entry_id IS NOT NULL;
CREATE INDEX deliveries_listed_by_webhook ON deliveries (webhook_id, entry_at, entry_id)
	WHERE dialect = 'giosg' AND entry_id IS NOT NULL;
CREATE INDEX deliveries_started ON deliveries (app_id, entry_at, entry_id)
	WHERE dialect = 'giosg' AND started_at IS NOT NULL;
