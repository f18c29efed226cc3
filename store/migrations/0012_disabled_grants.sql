-- Each token that came to a person asks whether it was disabled: hardly any was.
-- What a user took back counts too, until it is enabled.
CREATE INDEX grants_disabled ON grants (installation_id, user_id) WHERE disabled_at IS NOT NULL;
CREATE INDEX grants_disabled_of ON grants (user_id) WHERE disabled_at IS NOT NULL;
