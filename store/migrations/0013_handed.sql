-- What was handed over is not looked for, and each index serves the lists that it is for.

-- Whether the courier of the process that wrote a delivery down had its endpoint
-- then, and was handed it after the commit. Looks for what came due pass over it: it
-- leaves the outbox without ever being in their index. What the courier lost, or did
-- not take, a look for everything finds.
ALTER TABLE deliveries ADD COLUMN handed BOOLEAN NOT NULL DEFAULT FALSE;
DROP INDEX IF EXISTS deliveries_due;
CREATE INDEX deliveries_due ON deliveries (next_at, webhook_id) WHERE next_at IS NOT NULL AND handed = FALSE;

-- An index by webhook is for those who list what a webhook was told, and they say
-- the condition that always holds. Others cannot go by it: where PostgreSQL takes a
-- table that has grown for a small one, all indexes are alike to it, and it would read
-- this one whole, or all of a webhook's, where another has the very row.
DROP INDEX IF EXISTS deliveries_due_by_webhook;
CREATE INDEX deliveries_due_by_webhook ON deliveries (webhook_id, next_at, id) WHERE next_at IS NOT NULL AND webhook_id <> '';
DROP INDEX IF EXISTS deliveries_by_webhook;
CREATE INDEX deliveries_by_webhook ON deliveries (webhook_id, status, epoch, created_at, id) WHERE webhook_id <> '';
DROP INDEX IF EXISTS deliveries_listed_by_webhook;
CREATE INDEX deliveries_listed_by_webhook ON deliveries (webhook_id, entry_at, entry_id)
	WHERE dialect = 'giosg' AND entry_id IS NOT NULL AND webhook_id <> '';

-- For each part of the log, N:
DROP INDEX IF EXISTS ended_N_by_webhook;
CREATE INDEX ended_N_by_webhook ON ended_N (webhook_id, status, created_at, id) WHERE webhook_id <> '';
DROP INDEX IF EXISTS ended_N_listed_by_webhook;
CREATE INDEX ended_N_listed_by_webhook ON ended_N (webhook_id, status, entry_at, entry_id)
	WHERE dialect = 'giosg' AND entry_id IS NOT NULL AND webhook_id <> '';
DROP INDEX IF EXISTS attempts_N_successful_by_webhook;
CREATE INDEX attempts_N_successful_by_webhook ON attempts_N (webhook_id, listed_at, id)
	WHERE dialect = 'giosg' AND outcome = 'ok' AND webhook_id <> '';
DROP INDEX IF EXISTS attempts_N_failed_by_webhook;
CREATE INDEX attempts_N_failed_by_webhook ON attempts_N (webhook_id, listed_at, id)
	WHERE dialect = 'giosg' AND outcome <> 'ok' AND webhook_id <> '';
