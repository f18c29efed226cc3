-- What was handed over is not looked for, and each index serves the lists that it is for.

-- Whether the courier of the process that wrote a delivery down had its endpoint
-- then, and was handed it after the commit. Looks for what came due pass over it: it
-- leaves the outbox without ever being in their index. What the courier lost, or did
-- not take, a look for everything finds.
ALTER TABLE deliveries ADD COLUMN handed BOOLEAN NOT NULL DEFAULT FALSE;
DROP INDEX IF EXISTS deliveries_due;
CREATE INDEX deliveries_due ON deliveries (next_at, webhook_id) WHERE next_at IS NOT NULL AND handed = FALSE;

-- An index by webhook is of no use to who names none. PostgreSQL reads it whole all
-- the same, where it takes a table that has grown for a small one; but not where it
-- cannot know that the condition holds.
DROP INDEX IF EXISTS deliveries_due_by_webhook;
CREATE INDEX deliveries_due_by_webhook ON deliveries (webhook_id, next_at, id) WHERE next_at IS NOT NULL AND webhook_id IS NOT NULL;
DROP INDEX IF EXISTS deliveries_listed_by_webhook;
CREATE INDEX deliveries_listed_by_webhook ON deliveries (webhook_id, entry_at, entry_id)
	WHERE dialect = 'giosg' AND entry_id IS NOT NULL AND webhook_id IS NOT NULL;

-- For each part of the log, N:
DROP INDEX IF EXISTS ended_N_listed_by_webhook;
CREATE INDEX ended_N_listed_by_webhook ON ended_N (webhook_id, status, entry_at, entry_id)
	WHERE dialect = 'giosg' AND entry_id IS NOT NULL AND webhook_id IS NOT NULL;
DROP INDEX IF EXISTS attempts_N_successful_by_webhook;
CREATE INDEX attempts_N_successful_by_webhook ON attempts_N (webhook_id, listed_at, id)
	WHERE dialect = 'giosg' AND outcome = 'ok' AND webhook_id IS NOT NULL;
DROP INDEX IF EXISTS attempts_N_failed_by_webhook;
CREATE INDEX attempts_N_failed_by_webhook ON attempts_N (webhook_id, listed_at, id)
	WHERE dialect = 'giosg' AND outcome <> 'ok' AND webhook_id IS NOT NULL;
