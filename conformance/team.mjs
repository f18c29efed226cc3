// A client that is built with teamId sends team_id in every call, as Bolt's
// clients do for org-wide installations.

import assert from 'node:assert/strict';
import { ask, check, client, refused, slack } from './story.mjs';

const sales = slack('orgs', 'sales');
const ada = client('ada', { teamId: sales });
const { apps } = ada.admin;

await check('methods without a team ignore it', async () => {
  assert.equal((await ada.auth.test()).user, 'ada');
  assert.deepEqual((await ada.api.test()).args, { team_id: sales });
});

await check('it is the level of a decision', async () => {
  await ask('poll-1', 'sales');
  const [{ id }] = (await apps.requests.list()).app_requests;
  await apps.approve({ request_id: id });
  const approved = (await apps.approved.list()).approved_apps.map((row) => row.app.id);
  assert.ok(approved.includes(slack('apps', 'poll-1')));
});

await check('it is one level too many beside an enterprise', async () => {
  const both = { app_id: slack('apps', 'poll-1'), enterprise_id: slack('orgs', 'acme') };
  await refused('too_many_teams_provided', apps.approve(both));
  await apps.approve({ ...both, team_id: null });
});

await check('the team of a call wins', async () => {
  await apps.restrict({ app_id: slack('apps', 'poll-2'), team_id: slack('orgs', 'support') });
  assert.deepEqual((await apps.restricted.list()).restricted_apps, []);
});

await check('it is the target of uninstalling unless another is named', async () => {
  const app_id = slack('apps', 'deploybot');
  await apps.uninstall({ app_id, team_ids: [slack('orgs', 'support')] });
  assert.equal((await client('bot').auth.test()).ok, true);
  await apps.uninstall({ app_id });
  await refused('account_inactive', client('bot').auth.test());
});
