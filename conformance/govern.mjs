// An admin governs apps with @slack/web-api: requests, decisions, what takes
// them back, and uninstalling.

import assert from 'node:assert/strict';
import { ask, check, client, refused, slack } from './story.mjs';

const ada = client('ada');
const { apps } = ada.admin;
const acme = slack('orgs', 'acme');
const sales = slack('orgs', 'sales');
const support = slack('orgs', 'support');

// ids lists the apps that were approved or restricted at a level.
async function ids(list, level) {
  const answer = await list(level);
  return (answer.approved_apps ?? answer.restricted_apps).map((row) => row.app.id);
}

const pending = async (level) => (await apps.requests.list(level)).app_requests;

// asked files a request and returns its id as Slack spells it.
async function asked(app, org) {
  await ask(app, org);
  const row = (await pending({ team_id: slack('orgs', org) })).find(({ app: { id } }) => id === slack('apps', app));
  return row.id;
}

await check('a request is listed with all its parts', async () => {
  await ask('poll-1', 'sales', 'For the meeting');
  const [row, ...others] = await pending({ team_id: sales });
  assert.deepEqual(others, []);
  assert.match(row.id, /^Ar[A-Z0-9]+$/);
  assert.deepEqual([row.app.id, row.app.name, row.app.developer_type], [slack('apps', 'poll-1'), 'Poll 1', 'third_party']);
  assert.deepEqual(row.user, { id: slack('users', 'bo'), name: 'bo', email: 'bo@acme.example' });
  assert.deepEqual(row.team, { id: sales, name: 'Sales', domain: 'sales' });
  assert.deepEqual(row.scopes.map((scope) => [scope.name, scope.token_type, scope.is_approved]), [['team:read', 'bot', false], ['users:read', 'bot', false]]);
  assert.deepEqual([row.message, row.previous_resolution, row.is_user_app_collaborator], ['For the meeting', null, false]);
  assert.ok(Number.isInteger(row.date_created));
  assert.deepEqual((await pending({ enterprise_id: acme })).map(({ id }) => id), [row.id]);
});

await check('approving a request settles it and is listed', async () => {
  const [{ id }] = await pending({ team_id: sales });
  assert.equal((await apps.approve({ request_id: id, team_id: sales })).ok, true);
  assert.deepEqual(await pending({ team_id: sales }), []);
  const [row] = (await apps.approved.list({ team_id: sales })).approved_apps;
  assert.deepEqual([row.app.id, row.scopes.map((scope) => scope.name)], [slack('apps', 'poll-1'), ['team:read', 'users:read']]);
  assert.deepEqual(row.last_resolved_by, { actor_id: slack('users', 'ada'), actor_type: 'user' });
  assert.ok(!(await ids(apps.approved.list, { enterprise_id: acme })).includes(row.app.id));
  await refused('request_already_resolved', apps.approve({ request_id: id, team_id: sales }));
});

await check('approving again with scopes as arrays replaces them', async () => {
  const app_id = slack('apps', 'poll-1');
  await apps.approve({ app_id, team_id: sales, bot_scopes: ['team:read'], user_scopes: [] });
  const row = (await apps.approved.list({ team_id: sales })).approved_apps.find(({ app }) => app.id === app_id);
  assert.deepEqual(row.scopes.map((scope) => scope.name), ['team:read']);
});

await check('of two approvals at once one succeeds', async () => {
  const request_id = await asked('poll-2', 'sales');
  const both = await Promise.allSettled([1, 2].map(() => apps.approve({ request_id, team_id: sales })));
  const lost = both.filter(({ status }) => status === 'rejected');
  assert.deepEqual(lost.map(({ reason }) => reason.data.error), ['request_already_resolved']);
});

await check('a restriction for the enterprise ends approvals below', async () => {
  const app_id = slack('apps', 'poll-1');
  await apps.restrict({ app_id, enterprise_id: acme });
  assert.deepEqual(await ids(apps.restricted.list, { enterprise_id: acme }), [app_id]);
  assert.ok(!(await ids(apps.approved.list, { team_id: sales })).includes(app_id));
  await refused('app_restricted_org_wide', apps.approve({ app_id, team_id: sales }));
});

await check('a resolution is cleared once', async () => {
  const level = { app_id: slack('apps', 'poll-1'), enterprise_id: acme };
  await apps.clearResolution(level);
  assert.deepEqual(await ids(apps.restricted.list, { enterprise_id: acme }), []);
  await refused('no_resolution_found', apps.clearResolution(level));
});

await check('restricting a request settles it', async () => {
  const request_id = await asked('poll-3', 'support');
  await apps.restrict({ request_id, team_id: support });
  assert.deepEqual(await pending({ team_id: support }), []);
  assert.deepEqual(await ids(apps.restricted.list, { team_id: support }), [slack('apps', 'poll-3')]);
});

await check('a request is cancelled once', async () => {
  const request_id = await asked('poll-4', 'support');
  await apps.requests.cancel({ request_id, team_id: support });
  assert.deepEqual(await pending({ team_id: support }), []);
  await refused('request_already_resolved', apps.requests.cancel({ request_id, team_id: support }));
});

await check('a certified app is the enterprise\'s to approve', async () => {
  const app_id = slack('apps', 'badge');
  await refused('org_resolution_required', apps.approve({ app_id, team_id: sales }));
  await apps.approve({ app_id, enterprise_id: acme });
  assert.ok(!(await ids(apps.approved.list, { enterprise_id: acme })).includes(app_id));
  assert.deepEqual(await ids(apps.approved.list, { enterprise_id: acme, certified: true }), [app_id]);
});

await check('a custom integration needs its request', async () => {
  await refused('request_id_required_for_custom_integrations', apps.approve({ app_id: slack('apps', 'gadget'), team_id: sales }));
  const request_id = await asked('gadget', 'sales');
  await refused('custom_integration_not_allowed_at_enterprise', apps.approve({ request_id, enterprise_id: acme }));
  await apps.approve({ request_id, team_id: sales });
});

await check('a decision names one thing at one level', async () => {
  const app_id = slack('apps', 'poll-5');
  const request_id = await asked('poll-5', 'sales');
  for (const decide of [apps.approve, apps.restrict]) {
    await refused('request_id_or_app_id_is_required', decide({ team_id: sales }));
    await refused('too_many_ids_provided', decide({ app_id, request_id, team_id: sales }));
    await refused('too_many_teams_provided', decide({ app_id, team_id: sales, enterprise_id: acme }));
    await refused('team_not_found', decide({ app_id }));
    await refused('team_not_found', decide({ app_id, team_id: 'T12345' }));
    await refused('team_not_found', decide({ app_id, team_id: slack('orgs', 'rivals') }));
    await refused('team_access_not_granted', decide({ app_id, team_id: slack('orgs', 'labs') }));
    await refused('invalid_app_id', decide({ app_id: 'A12345', team_id: sales }));
    await refused('invalid_app_id', decide({ app_id: request_id, team_id: sales }));
    await refused('invalid_request_id', decide({ request_id: 'Ar12345', team_id: sales }));
    await refused('invalid_request_id', decide({ request_id, team_id: support }));
    await refused('invalid_scopes', decide({ app_id, team_id: sales, bot_scopes: ['no:such'] }));
  }
});

await check('who is no admin decides nothing', async () => {
  const { apps: bos } = client('bo').admin;
  const target = { app_id: slack('apps', 'poll-6'), team_id: sales };
  await refused('not_an_admin', bos.approve(target));
  await refused('not_an_admin', bos.restrict(target));
  await refused('not_an_admin', bos.clearResolution(target));
  await refused('not_an_admin', bos.requests.list({ team_id: sales }));
  await refused('permission_denied', bos.uninstall({ app_id: slack('apps', 'deploybot'), team_ids: [sales] }));
});

await check('uninstalling says what stands in its way', async () => {
  const app_id = slack('apps', 'deploybot');
  await refused('specify_enterprise_or_teams', apps.uninstall({ app_id }));
  await refused('specify_enterprise_or_teams', apps.uninstall({ app_id, enterprise_id: acme, team_ids: [sales] }));
  await refused('too_many_teams', apps.uninstall({ app_id, team_ids: Array(101).fill(sales) }));
  await refused('enterprise_not_found', apps.uninstall({ app_id, enterprise_id: slack('orgs', 'rival') }));
  await refused('teams_not_found', apps.uninstall({ app_id, team_ids: [sales, 'T12345'] }));
  await refused('app_not_found', apps.uninstall({ app_id: 'A12345', team_ids: [sales] }));
  await refused('can_not_uninstall', apps.uninstall({ app_id: slack('apps', 'desk'), team_ids: [sales] }));
  await refused('must_revoke_access', apps.uninstall({ app_id: slack('apps', 'wide'), team_ids: [support] }));
  assert.equal((await client('bot').auth.test()).ok, true);
});

await check('uninstalling ends the app\'s tokens and may be repeated', async () => {
  const target = { app_id: slack('apps', 'deploybot'), team_ids: [sales, support] };
  assert.equal((await apps.uninstall(target)).ok, true);
  await refused('account_inactive', client('bot').auth.test());
  await refused('token_revoked', client('bo-deploys').auth.test());
  assert.equal((await apps.uninstall(target)).ok, true);
  assert.equal((await apps.uninstall({ app_id: slack('apps', 'wide'), enterprise_id: acme })).ok, true);
});
