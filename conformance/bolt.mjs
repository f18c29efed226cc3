// A Bolt app of one enterprise: its URL is verified when it is saved, it hears
// of requests and approves them back. The argument names the receiver.

import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import bolt from '@slack/bolt';
import { ask, check, client, createWebhook, native, quiet, slack, slackApiUrl, souk } from './story.mjs';

const receivers = { http: bolt.HTTPReceiver, express: bolt.ExpressReceiver };
const Receiver = receivers[process.argv[2]];
const acme = slack('orgs', 'acme');
const sales = slack('orgs', 'sales');
const heard = new EventEmitter();

// start runs an app that approves whatever is asked for, on a free port.
async function start(signingSecret) {
  const app = new bolt.App({
    token: souk.tokens.ada.token,
    receiver: new Receiver({ signingSecret, logger: quiet }),
    logger: quiet,
    clientOptions: { slackApiUrl },
  });
  app.event('app_requested', async ({ event, body, client: web }) => {
    const { id: request_id, team } = event.app_request;
    await web.admin.apps.approve(team ? { request_id, team_id: team.id } : { request_id, enterprise_id: body.enterprise_id });
    heard.emit('approved', { event, body });
  });
  app.error(async (err) => heard.emit('error', err));
  const server = await app.start({ port: 0, host: '127.0.0.1' });
  return { app, url: `http://127.0.0.1:${server.address().port}/slack/events` };
}

// approved files a request and waits until the app has approved it.
async function approved(poll, org) {
  const [[told]] = await Promise.all([
    once(heard, 'approved', { signal: AbortSignal.timeout(60_000) }),
    ask(poll, org, 'For the meeting'),
  ]);
  return told;
}

const { app, url } = await start(souk.apps.console.credentials.slack.signing_secret);
const stranger = await start('ffffffffffffffffffffffffffffffff');
const { apps } = client('ada').admin;

await check('a receiver with another secret is not verified', async () => {
  const problem = await createWebhook(stranger.url).then(() => assert.fail('it was saved'), ({ problem: said }) => said);
  assert.equal(problem.status, 422);
  assert.deepEqual((await native('olga-api', 'GET', `/apps/${souk.apps.console.id}/webhooks`)).items, []);
});

await check('the URL is verified when it is saved', async () => {
  const hook = await createWebhook(url);
  assert.equal(hook.status, 'active');
});

await check('a request is heard and approved back', async () => {
  const { event, body } = await approved('poll-1', 'sales');
  assert.deepEqual(
    [body.type, body.api_app_id, body.team_id, body.enterprise_id],
    ['event_callback', slack('apps', 'console'), sales, acme],
  );
  const { app: wanted, user, team, enterprise, message } = event.app_request;
  assert.deepEqual(
    [wanted.id, user.email, team, enterprise, message],
    [slack('apps', 'poll-1'), 'bo@acme.example', { id: sales, name: 'Sales', domain: 'sales' }, null, 'For the meeting'],
  );
  assert.ok(!('previous_resolution' in event.app_request));
});

await check('the lists show it', async () => {
  assert.deepEqual((await apps.requests.list({ team_id: sales })).app_requests, []);
  const rows = (await apps.approved.list({ team_id: sales })).approved_apps;
  assert.equal(rows[0].app.id, slack('apps', 'poll-1'));
});

await check('a request for the enterprise is approved there', async () => {
  const { event, body } = await approved('poll-2', 'acme');
  assert.deepEqual([body.team_id, event.app_request.team], [null, null]);
  assert.deepEqual(event.app_request.enterprise, { id: acme, name: 'Acme', domain: 'acme' });
  const rows = (await apps.approved.list({ enterprise_id: acme })).approved_apps;
  assert.equal(rows[0].app.id, slack('apps', 'poll-2'));
});

await check('an approval has no event', async () => {
  // Deliveries of one webhook are told in order: the next request comes behind
  // whatever the approvals before it would have caused.
  const { event } = await approved('poll-3', 'sales');
  assert.equal(event.app_request.app.id, slack('apps', 'poll-3'));
  const [hook] = (await native('olga-api', 'GET', `/apps/${souk.apps.console.id}/webhooks`)).items;
  const told = await native('olga-api', 'GET', `/apps/${souk.apps.console.id}/webhooks/${hook.id}/deliveries`);
  assert.equal(told.items.length, 3);
});

await Promise.all([app.stop(), stranger.app.stop()]);
