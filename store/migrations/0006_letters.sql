-- Mails that are still to be sent. recipients are one a line; tries are those
-- that were begun. Until next_at whoever took a letter up has the time to send it,
-- or it waits after a failure.
CREATE TABLE letters (
	id BYTEA NOT NULL PRIMARY KEY,
	recipients TEXT NOT NULL,
	subject TEXT NOT NULL,
	text TEXT NOT NULL,
	tries BIGINT NOT NULL,
	created_at BIGINT NOT NULL,
	next_at BIGINT NOT NULL
);
CREATE INDEX letters_due ON letters (next_at, id);

-- At most one replay to a webhook goes on.
CREATE UNIQUE INDEX replays_running ON replays (webhook_id) WHERE status = 'running';
