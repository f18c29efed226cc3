-- Each body is kept once, in bodies_N beside the part of the log that was the
-- newest when it came, however many deliveries tell it. It has the ID of the first
-- of them. store/parts.go makes the parts to come alike.
--
-- body_id is whose body a delivery tells; NULL: its own. body_part is the part in
-- which that of an open one lies, body_size what it adds to the size of the log: of
-- those that tell the same, one counts it. That of a delivery that ended lies in
-- the same part.
ALTER TABLE deliveries ADD COLUMN body_id BYTEA;
ALTER TABLE deliveries ADD COLUMN body_part BIGINT NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN body_size BIGINT NOT NULL DEFAULT 0;

-- A node of an earlier build that goes on beside others must begin no part, which
-- would lack bodies_N.
ALTER TABLE log_parts RENAME COLUMN sent TO has_sent;

UPDATE deliveries SET body_part = (SELECT max(number) FROM log_parts), body_size = length(body);
-- For each part of the log, N:
CREATE TABLE bodies_N (
	id BYTEA NOT NULL PRIMARY KEY,
	body BYTEA NOT NULL
);
INSERT INTO bodies_N (id, body) SELECT id, body FROM ended_N ORDER BY id;
INSERT INTO bodies_N (id, body) SELECT id, body FROM deliveries WHERE body_part = number_N ORDER BY id;
ALTER TABLE ended_N DROP COLUMN body;
ALTER TABLE ended_N ADD COLUMN body_id BYTEA;
-- And then:
ALTER TABLE deliveries DROP COLUMN body;
