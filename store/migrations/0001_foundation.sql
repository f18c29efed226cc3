-- The foundation. IDs are 16 bytes made in Go, times are microseconds UTC,
-- sets of scopes are space-separated text, JSON is read and written whole.

CREATE TABLE settings (
	name TEXT NOT NULL PRIMARY KEY,
	value BYTEA NOT NULL
);

CREATE TABLE orgs (
	id BYTEA NOT NULL PRIMARY KEY,
	kind TEXT NOT NULL CHECK (kind IN ('enterprise', 'workspace')),
	enterprise_id BYTEA REFERENCES orgs (id),
	name TEXT NOT NULL,
	domain TEXT NOT NULL,
	policy TEXT NOT NULL CHECK (policy IN ('', 'open', 'approval', 'closed')),
	has_active_subscription BOOLEAN NOT NULL,
	has_apps_feature BOOLEAN NOT NULL,
	is_app_provider BOOLEAN NOT NULL,
	admin_api BOOLEAN NOT NULL,
	clear_owners_only BOOLEAN NOT NULL,
	uninstall_owners_only BOOLEAN NOT NULL,
	admin_networks TEXT NOT NULL,
	second_factor BOOLEAN NOT NULL,
	moving TEXT NOT NULL CHECK (moving IN ('no', 'readable', 'locked')),
	created_at BIGINT NOT NULL,
	closed_at BIGINT,
	CHECK (kind = 'workspace' OR enterprise_id IS NULL)
);
CREATE INDEX orgs_by_enterprise ON orgs (enterprise_id, created_at, id);

CREATE TABLE partnerships (
	a_id BYTEA NOT NULL REFERENCES orgs (id),
	b_id BYTEA NOT NULL REFERENCES orgs (id),
	created_at BIGINT NOT NULL,
	PRIMARY KEY (a_id, b_id),
	CHECK (a_id < b_id)
);
CREATE INDEX partnerships_by_b ON partnerships (b_id);

-- root_id stands here only to keep e-mails unique under one root.
CREATE TABLE users (
	id BYTEA NOT NULL PRIMARY KEY,
	org_id BYTEA NOT NULL REFERENCES orgs (id),
	root_id BYTEA NOT NULL REFERENCES orgs (id),
	is_bot BOOLEAN NOT NULL,
	email TEXT,
	first_name TEXT NOT NULL,
	last_name TEXT NOT NULL,
	alias TEXT NOT NULL,
	department TEXT NOT NULL,
	second_factor BOOLEAN NOT NULL,
	created_at BIGINT NOT NULL,
	deactivated_at BIGINT,
	CHECK (is_bot OR email IS NOT NULL)
);
CREATE UNIQUE INDEX users_by_email ON users (root_id, email);
CREATE INDEX users_by_org ON users (org_id, created_at, id);

CREATE TABLE passwords (
	user_id BYTEA NOT NULL PRIMARY KEY REFERENCES users (id),
	hash TEXT NOT NULL,
	changed_at BIGINT NOT NULL
);

CREATE TABLE user_groups (
	id BYTEA NOT NULL PRIMARY KEY,
	org_id BYTEA NOT NULL REFERENCES orgs (id),
	name TEXT NOT NULL,
	created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX user_groups_by_name ON user_groups (org_id, name);

CREATE TABLE group_members (
	group_id BYTEA NOT NULL REFERENCES user_groups (id),
	user_id BYTEA NOT NULL REFERENCES users (id),
	PRIMARY KEY (group_id, user_id)
);
CREATE INDEX group_members_by_user ON group_members (user_id);

CREATE TABLE memberships (
	user_id BYTEA NOT NULL REFERENCES users (id),
	org_id BYTEA NOT NULL REFERENCES orgs (id),
	role TEXT NOT NULL CHECK (role IN ('owner', 'admin', 'member')),
	permissions TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	PRIMARY KEY (user_id, org_id)
);
CREATE INDEX memberships_by_org ON memberships (org_id, created_at, user_id);

-- What the operator added to the built-in catalogue.
CREATE TABLE scopes (
	name TEXT NOT NULL PRIMARY KEY,
	description TEXT NOT NULL,
	token_type TEXT NOT NULL CHECK (token_type IN ('bot', 'user', 'app')),
	sensitive BOOLEAN NOT NULL,
	display_group TEXT NOT NULL CHECK (display_group IN ('View', 'Manage')),
	created_at BIGINT NOT NULL
);

CREATE TABLE apps (
	id BYTEA NOT NULL PRIMARY KEY,
	owner_id BYTEA NOT NULL REFERENCES orgs (id),
	name TEXT NOT NULL,
	description TEXT NOT NULL,
	kind TEXT NOT NULL CHECK (kind IN ('third_party', 'custom_integration', 'built_in')),
	listing TEXT NOT NULL CHECK (listing IN ('draft', 'submitted', 'listed')),
	suspended BOOLEAN NOT NULL,
	certified BOOLEAN NOT NULL,
	protected BOOLEAN NOT NULL,
	is_available_to_anyone BOOLEAN NOT NULL,
	is_available_to_partners BOOLEAN NOT NULL,
	is_app_user_required BOOLEAN NOT NULL,
	app_user_first_name TEXT NOT NULL,
	app_user_last_name TEXT NOT NULL,
	app_user_alias TEXT NOT NULL,
	links TEXT NOT NULL,
	trigger_url TEXT NOT NULL,
	triggers TEXT NOT NULL,
	redirect_uris TEXT NOT NULL,
	required_scopes TEXT NOT NULL,
	bot_scopes TEXT NOT NULL,
	user_scopes TEXT NOT NULL,
	zoom TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	deleted_at BIGINT
);
CREATE INDEX apps_by_owner ON apps (owner_id, created_at, id);

-- Secrets are sealed with the server's key.
CREATE TABLE credentials (
	app_id BYTEA NOT NULL PRIMARY KEY REFERENCES apps (id),
	giosg_secret BYTEA,
	slack_client_id TEXT NOT NULL,
	slack_client_secret BYTEA,
	slack_signing_secret BYTEA,
	slack_verification_token BYTEA,
	zoom_client_id TEXT NOT NULL,
	zoom_client_secret BYTEA,
	zoom_webhook_secret BYTEA
);
CREATE UNIQUE INDEX credentials_by_slack_client ON credentials (slack_client_id);
CREATE UNIQUE INDEX credentials_by_zoom_client ON credentials (zoom_client_id);

-- Why an org sees an app: one row per reason. org_id is the owner, the org it
-- was shared with, or the org whose partners are meant; of 'everyone' it is the
-- owner too, so that the key needs no NULL.
CREATE TABLE rights (
	app_id BYTEA NOT NULL REFERENCES apps (id),
	grantee TEXT NOT NULL CHECK (grantee IN ('owner', 'shared', 'partners', 'everyone')),
	org_id BYTEA NOT NULL REFERENCES orgs (id),
	created_at BIGINT NOT NULL,
	PRIMARY KEY (app_id, grantee, org_id)
);
CREATE INDEX rights_by_org ON rights (org_id, grantee, app_id);

CREATE TABLE cases (
	id BYTEA NOT NULL PRIMARY KEY,
	app_id BYTEA NOT NULL REFERENCES apps (id),
	root_id BYTEA NOT NULL REFERENCES orgs (id),
	opened_at BIGINT NOT NULL,
	closed_at BIGINT
);
CREATE UNIQUE INDEX cases_open ON cases (app_id, root_id) WHERE closed_at IS NULL;
CREATE INDEX cases_by_app ON cases (app_id, root_id, opened_at);

CREATE TABLE requests (
	id BYTEA NOT NULL PRIMARY KEY,
	case_id BYTEA NOT NULL REFERENCES cases (id),
	app_id BYTEA NOT NULL REFERENCES apps (id),
	org_id BYTEA NOT NULL REFERENCES orgs (id),
	user_id BYTEA NOT NULL REFERENCES users (id),
	filed_by BYTEA NOT NULL REFERENCES users (id),
	scopes TEXT NOT NULL,
	reason TEXT NOT NULL,
	state TEXT NOT NULL,
	status TEXT NOT NULL CHECK (status IN ('pending', 'approved', 'declined', 'restricted', 'cancelled', 'void')),
	created_at BIGINT NOT NULL,
	settled_at BIGINT,
	settled_by BYTEA,
	note TEXT NOT NULL
);
CREATE UNIQUE INDEX requests_pending ON requests (user_id, app_id, org_id) WHERE status = 'pending';
CREATE INDEX requests_pending_by_org ON requests (org_id, created_at, id) WHERE status = 'pending';
CREATE INDEX requests_by_org ON requests (org_id, created_at, id);
CREATE INDEX requests_pending_of_case ON requests (case_id, created_at, id) WHERE status = 'pending';

-- audience is 'everyone', 'group:<id>' or 'user:<id>'.
CREATE TABLE resolutions (
	id BYTEA NOT NULL PRIMARY KEY,
	app_id BYTEA NOT NULL REFERENCES apps (id),
	org_id BYTEA NOT NULL REFERENCES orgs (id),
	audience TEXT NOT NULL,
	status TEXT NOT NULL CHECK (status IN ('approved', 'restricted')),
	scopes TEXT NOT NULL,
	by_id BYTEA NOT NULL REFERENCES users (id),
	request_id BYTEA,
	created_at BIGINT NOT NULL,
	ended_at BIGINT,
	ended_by BYTEA
);
CREATE UNIQUE INDEX resolutions_standing ON resolutions (app_id, org_id, audience) WHERE ended_at IS NULL;
CREATE INDEX resolutions_by_org ON resolutions (org_id, status, created_at, id) WHERE ended_at IS NULL;
CREATE INDEX resolutions_narrow ON resolutions (audience) WHERE ended_at IS NULL AND audience <> 'everyone';
CREATE INDEX resolutions_of_app ON resolutions (app_id, org_id, audience, created_at);

CREATE TABLE installations (
	id BYTEA NOT NULL PRIMARY KEY,
	app_id BYTEA NOT NULL REFERENCES apps (id),
	org_id BYTEA NOT NULL REFERENCES orgs (id),
	kind TEXT NOT NULL CHECK (kind IN ('workspace', 'org_wide')),
	status TEXT NOT NULL CHECK (status IN ('active', 'suspended', 'ended')),
	scopes TEXT NOT NULL,
	installed_by BYTEA NOT NULL REFERENCES users (id),
	app_user_id BYTEA REFERENCES users (id),
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	ended_at BIGINT
);
CREATE UNIQUE INDEX installations_live ON installations (app_id, org_id) WHERE status <> 'ended';
CREATE INDEX installations_by_org ON installations (org_id, created_at, id);

-- Where live installations reach: the org that installed and, for an org-wide
-- one, the workspaces granted to it. One way of reaching an org per app.
CREATE TABLE reach (
	org_id BYTEA NOT NULL REFERENCES orgs (id),
	app_id BYTEA NOT NULL REFERENCES apps (id),
	installation_id BYTEA NOT NULL REFERENCES installations (id),
	created_at BIGINT NOT NULL,
	PRIMARY KEY (org_id, app_id)
);
CREATE INDEX reach_by_installation ON reach (installation_id, created_at, org_id);

CREATE TABLE grants (
	id BYTEA NOT NULL PRIMARY KEY,
	user_id BYTEA NOT NULL REFERENCES users (id),
	installation_id BYTEA NOT NULL REFERENCES installations (id),
	scopes TEXT NOT NULL,
	status TEXT NOT NULL CHECK (status IN ('active', 'revoked')),
	created_at BIGINT NOT NULL,
	revoked_at BIGINT
);
CREATE UNIQUE INDEX grants_active ON grants (installation_id, user_id) WHERE status = 'active';
CREATE INDEX grants_by_user ON grants (user_id) WHERE status = 'active';

CREATE TABLE tokens (
	id BYTEA NOT NULL PRIMARY KEY,
	hash BYTEA NOT NULL,
	kind TEXT NOT NULL CHECK (kind IN ('token', 'xoxp', 'xoxb', 'xapp', 'xoxe', 'zoom', 'platform', 'session')),
	user_id BYTEA REFERENCES users (id),
	installation_id BYTEA REFERENCES installations (id),
	app_id BYTEA REFERENCES apps (id),
	org_id BYTEA REFERENCES orgs (id),
	scopes TEXT NOT NULL,
	description TEXT NOT NULL,
	networks TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	expires_at BIGINT,
	revoked_at BIGINT
);
CREATE UNIQUE INDEX tokens_by_hash ON tokens (hash);
CREATE INDEX tokens_by_installation ON tokens (installation_id) WHERE revoked_at IS NULL;
CREATE INDEX tokens_by_user ON tokens (user_id) WHERE revoked_at IS NULL;

CREATE TABLE webhooks (
	id BYTEA NOT NULL PRIMARY KEY,
	app_id BYTEA NOT NULL REFERENCES apps (id),
	dialect TEXT NOT NULL CHECK (dialect IN ('native', 'slack', 'giosg', 'zoom')),
	url TEXT NOT NULL,
	status TEXT NOT NULL CHECK (status IN ('active', 'unverified', 'paused', 'disabled')),
	secret BYTEA,
	created_at BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	deleted_at BIGINT
);
CREATE INDEX webhooks_by_app ON webhooks (app_id, created_at, id);

-- The events a webhook asked for, by their names in its dialect.
CREATE TABLE subscriptions (
	webhook_id BYTEA NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
	app_id BYTEA NOT NULL,
	event TEXT NOT NULL,
	PRIMARY KEY (webhook_id, event)
);
CREATE INDEX subscriptions_by_event ON subscriptions (app_id, event);

CREATE TABLE events (
	id BYTEA NOT NULL PRIMARY KEY,
	kind TEXT NOT NULL,
	root_id BYTEA NOT NULL,
	org_id BYTEA NOT NULL,
	app_id BYTEA,
	subject_id BYTEA,
	at BIGINT NOT NULL,
	data TEXT NOT NULL
);

-- The outbox: the queue is here and nowhere else. next_at is when the next
-- attempt is due; while one is being made, when it counts as lost.
CREATE TABLE deliveries (
	id BYTEA NOT NULL PRIMARY KEY,
	event_id BYTEA NOT NULL,
	webhook_id BYTEA NOT NULL,
	app_id BYTEA NOT NULL,
	installation_id BYTEA,
	dialect TEXT NOT NULL,
	final BOOLEAN NOT NULL,
	body BYTEA NOT NULL,
	status TEXT NOT NULL CHECK (status IN ('pending', 'successful', 'exhausted', 'cancelled', 'skipped')),
	attempts BIGINT NOT NULL,
	last_outcome TEXT NOT NULL,
	next_at BIGINT,
	created_at BIGINT NOT NULL,
	ended_at BIGINT,
	note TEXT NOT NULL,
	CHECK ((status = 'pending') = (next_at IS NOT NULL))
);
CREATE INDEX deliveries_due ON deliveries (next_at) WHERE next_at IS NOT NULL;
CREATE INDEX deliveries_by_webhook ON deliveries (webhook_id, created_at, id);
CREATE INDEX deliveries_pending_by_installation ON deliveries (installation_id) WHERE next_at IS NOT NULL;

CREATE TABLE attempts (
	id BYTEA NOT NULL,
	delivery_id BYTEA NOT NULL,
	webhook_id BYTEA NOT NULL,
	number BIGINT NOT NULL,
	url TEXT NOT NULL,
	outcome TEXT NOT NULL,
	status BIGINT NOT NULL,
	answer TEXT NOT NULL,
	detail TEXT NOT NULL,
	started_at BIGINT NOT NULL,
	duration BIGINT NOT NULL,
	PRIMARY KEY (delivery_id, id)
);

-- Append-only, chained per root org by the hash of the entry before.
CREATE TABLE audit (
	root_id BYTEA NOT NULL,
	number BIGINT NOT NULL,
	at BIGINT NOT NULL,
	verb TEXT NOT NULL,
	face TEXT NOT NULL,
	user_id BYTEA,
	token_id BYTEA,
	on_behalf BOOLEAN NOT NULL,
	org_id BYTEA,
	app_id BYTEA,
	subject_id BYTEA,
	before TEXT NOT NULL,
	after TEXT NOT NULL,
	previous BYTEA NOT NULL,
	hash BYTEA NOT NULL,
	PRIMARY KEY (root_id, number)
);

-- Names that world documents gave to objects.
CREATE TABLE world_names (
	section TEXT NOT NULL,
	name TEXT NOT NULL,
	object_id BYTEA NOT NULL,
	PRIMARY KEY (section, name)
);
