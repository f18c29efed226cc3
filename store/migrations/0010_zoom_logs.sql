-- What the logs of Zoom's face have beyond others.

-- The days on which an app called /v2, counted from 1970 in UTC. Each has a table
-- calls_D of its own, which store/calls.go makes and drops whole.
CREATE TABLE call_days (
	day BIGINT NOT NULL PRIMARY KEY
);

-- Whether a part of the log has sent_N, which parts have not that a node of an
-- earlier version begins.
ALTER TABLE log_parts ADD COLUMN sent BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE log_parts SET sent = TRUE;

-- Requests to Zoom webhooks: what an attempt sent, beside its row in attempts_N.
-- headers is a JSON object of texts, retry counts from when the delivery was
-- asked for. store/parts.go makes the parts to come alike.
-- For each part of the log, N:
CREATE TABLE sent_N (
	delivery_id BYTEA NOT NULL,
	id BYTEA NOT NULL,
	app_id BYTEA NOT NULL,
	failed BOOLEAN NOT NULL,
	at BIGINT NOT NULL,
	event TEXT NOT NULL,
	retry BIGINT NOT NULL,
	headers TEXT NOT NULL,
	PRIMARY KEY (delivery_id, id)
);
CREATE INDEX sent_N_listed ON sent_N (app_id, failed, at, id);
