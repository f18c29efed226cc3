-- How Zoom's lists read: the cases of an account, open or closed; the requests
-- of a case by how they stand, and by who made them; and what somebody asked for.
CREATE INDEX cases_going_on ON cases (root_id, opened_at, id) WHERE closed_at IS NULL;
CREATE INDEX cases_settled ON cases (root_id, closed_at, id) WHERE closed_at IS NOT NULL;
CREATE INDEX requests_by_case ON requests (case_id, status, created_at, id);
CREATE INDEX requests_by_asker ON requests (case_id, user_id);
CREATE INDEX requests_by_user ON requests (user_id, created_at, id);
