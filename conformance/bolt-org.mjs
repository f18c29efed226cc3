// A Bolt app that serves many installations: it finds the token by what the
// event says about the installation, here an org-wide one.

import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import bolt from '@slack/bolt';
import { ask, check, client, createWebhook, quiet, slack, slackApiUrl, souk } from './story.mjs';

const acme = slack('orgs', 'acme');
const sales = slack('orgs', 'sales');
const heard = new EventEmitter();

// The app's installations by the id of the enterprise or the workspace.
const installations = new Map([[acme, souk.tokens.ada.token]]);

const sources = [];
const app = new bolt.App({
  signingSecret: souk.apps.console.credentials.slack.signing_secret,
  authorize: async (source) => {
    sources.push(source);
    return { userToken: installations.get(source.isEnterpriseInstall ? source.enterpriseId : source.teamId) };
  },
  logger: quiet,
  clientOptions: { slackApiUrl },
});
app.event('app_requested', async ({ event, client: web, context }) => {
  // The client was built for the workspace of the event and names it itself.
  await web.admin.apps.approve({ request_id: event.app_request.id });
  heard.emit('approved', context);
});
app.error(async (err) => heard.emit('error', err));
const server = await app.start({ port: 0, host: '127.0.0.1' });

await check('the URL of an app without a token is verified', async () => {
  const hook = await createWebhook(`http://127.0.0.1:${server.address().port}/slack/events`);
  assert.equal(hook.status, 'active');
});

await check('authorize is asked for the org-wide installation', async () => {
  const [[context]] = await Promise.all([
    once(heard, 'approved', { signal: AbortSignal.timeout(60_000) }),
    ask('poll-1', 'sales'),
  ]);
  assert.equal(context.isEnterpriseInstall, true);
  assert.deepEqual(
    sources.map(({ enterpriseId, teamId, isEnterpriseInstall }) => [enterpriseId, teamId, isEnterpriseInstall]),
    [[acme, sales, true]],
  );
});

await check('the client that a listener gets approves in the workspace', async () => {
  const rows = (await client('ada').admin.apps.approved.list({ team_id: sales })).approved_apps;
  assert.equal(rows[0].app.id, slack('apps', 'poll-1'));
});

await app.stop();
