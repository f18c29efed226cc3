// An app that governs Acme, with Rivet's receiver: it hears of requests and of what
// was decided, and another app hears who leaves it. Beside each, a receiver of the
// test's own is told the same.

import assert from 'node:assert/strict';
import { check, native, souk } from './story.mjs';
import { adminOf, events, goodbye, listen, receive, request, spell, told, zoom } from './rivet.mjs';

const [created, approved, declined] = events;
const gate = await receive('gate');
const leaver = await receive('leaver');
const { app: rest } = await adminOf('gate');
let hook;

// about checks what is said around a payload, and answers with the payload.
function about(event, name) {
  assert.deepEqual(Object.keys(event), ['event', 'event_ts', 'payload']);
  assert.equal(event.event, name);
  assert.ok(Number.isSafeInteger(event.event_ts) && Math.abs(Date.now() - event.event_ts) < 60_000, `at ${event.event_ts}`);
  return event.payload;
}

const asked = async (user, app, reason) => {
  const [{ request: { status } }, event] = await Promise.all([request(user, app, reason), gate.next()]);
  assert.equal(status, 'pending');
  return about(event, created);
};
const decide = async (app, body) => {
  const { statusCode, data } = await rest.updateAppsRequestStatus({ path: { appId: zoom('apps', app) }, body });
  assert.deepEqual([statusCode, data], [204, '']);
};
const decided = async (name, app, body) => {
  await decide(app, body);
  return about(await gate.next(), name);
};
const ids = (...users) => users.map((user) => zoom('users', user));
const caseOf = async (app) => (await rest.listApps({ query: { type: 'active_requests' } })).data.apps.find(({ app_id }) => app_id === zoom('apps', app));
const statusOf = async (app, status) => (await rest.getAppsUserRequests({ path: { appId: zoom('apps', app) }, query: { status } })).data.requests.map(({ request_user_id }) => request_user_id);
const people = {
  bo: { requester_name: 'Bo Lind', requester_email: 'bo@acme.example' },
  liv: { requester_name: 'Liv Bø', requester_email: 'liv@acme.example' },
  mo: { requester_name: '模 <Momo> \u2028', requester_email: 'mo@acme.example' },
};
const review = (app, name, more) => ({
  app_id: zoom('apps', app), app_name: name, app_type: 'General App', app_status: 'published', app_description: 'Asks.',
  reviewer_name: 'Olga Berg', reviewer_email: 'olga@acme.example', ...more,
});

await check('a URL is validated when it is saved', async () => {
  hook = await listen('olga-api', 'gate', gate.url);
  assert.equal(hook.status, 'active');
  assert.equal((await listen('olga-api', 'gate', souk.witnesses.gate)).status, 'active');
});

await check('a request is told with all its parts', async () => {
  assert.deepEqual(await asked('bo', 'notes', 'For the meeting'), {
    app_name: 'Notes',
    app_type: 'OAuth App',
    app_status: 'published',
    app_description: 'Takes notes.',
    app_link: {
      developer_documentation: 'https://notes.example/docs',
      developer_privacy_policy: 'https://notes.example/privacy',
      developer_support: 'https://notes.example/help',
      developer_terms_of_use: 'https://notes.example/terms',
    },
    app_permissions: { View: ['View your meetings'], Manage: ['Manage your meetings'] },
    install_requirements: {
      min_client: '5.7.3', user_role: 'Any User', account_eligibility: { premium_events: ['meeting.qos'], account_types: ['Pro', 'Business'] },
    },
    app_scopes: ['meeting:read', 'meeting:write'],
    requester_name: 'Bo Lind',
    requester_department: 'Design & more',
    requester_user_groups: ['<night>', 'crew'],
    request_reason: 'For the meeting',
  });
});

await check('what is not known is not said', async () => {
  assert.deepEqual(await asked('mo', 'bench'), {
    app_name: 'Bench',
    app_type: 'ChatBot App',
    app_status: 'development',
    app_link: {},
    app_permissions: { View: ['View your meetings'], Manage: [] },
    install_requirements: { user_role: 'Any User', account_eligibility: { premium_events: [], account_types: [] } },
    app_scopes: ['meeting:read'],
    requester_name: '模 <Momo> \u2028',
    requester_user_groups: [],
  });
});

await check('hostile texts arrive as they are', async () => {
  const reason = 'line\nnext\tline\r\b\f \u0001\u001f\u007f "quoted" \\back\\ \\u0041 🚒👩‍👩‍👧 </script> &amp; \u2028\u2029\ufeff\u0000'.replace('\u0000', '');
  const payload = await asked('mo', 'hostile', reason);
  assert.equal(payload.app_name, 'A&B <x> \u2028 é 🚒 "q" \\ /');
  assert.equal(payload.app_description, 'One\u2029line, \u0085 and \ufeff, \u0301 and \u202e.');
  assert.equal(payload.request_reason, reason);
  assert.equal(payload.requester_name, '模 <Momo> \u2028');
});

await check('an app for administrators says so', async () => {
  assert.equal((await asked('bo', 'warden', 'Please')).install_requirements.user_role, 'Account Admin');
});

await check('two of three are approved', async () => {
  for (const user of ['bo', 'liv', 'mo']) await asked(user, 'poll-1', 'Yes');
  const { request_id } = await caseOf('poll-1');
  assert.deepEqual(
    await decided(approved, 'poll-1', { action: 'approve', request_user_ids: ids('liv', 'bo') }),
    review('poll-1', 'Poll 1', { request_id, scope: 'specific_users', reviewed_requests: [people.bo, people.liv] }),
  );
  assert.deepEqual(await statusOf('poll-1', 'pending'), ids('mo'));
});

await check('what changes nothing is not told', async () => {
  await decide('poll-1', { action: 'approve', request_user_ids: ids('liv', 'bo') });
  await decide('poll-1', { action: 'decline', request_user_ids: ids('bo') });
  await asked('liv', 'poll-2', 'Yes'); // the next that is told
});

await check('all are approved', async () => {
  await asked('bo', 'poll-2', 'Yes');
  await asked('mo', 'poll-2', 'Yes');
  const { request_id } = await caseOf('poll-2');
  assert.deepEqual(
    await decided(approved, 'poll-2', { action: 'approve_all' }),
    review('poll-2', 'Poll 2', { request_id, scope: 'all_users_on_account', reviewed_requests: [people.liv, people.bo, people.mo] }),
  );
});

await check('one is declined', async () => {
  for (const user of ['bo', 'liv']) await asked(user, 'poll-3', 'Yes');
  const { request_id } = await caseOf('poll-3');
  assert.deepEqual(
    await decided(declined, 'poll-3', { action: 'decline', request_user_ids: ids('liv') }),
    review('poll-3', 'Poll 3', { request_id, scope: 'specific_users', reviewed_requests: [people.liv] }),
  );
});

await check('a cancelled request is told to nobody', async () => {
  await decide('poll-3', { action: 'cancel', request_user_ids: ids('bo') });
  assert.deepEqual(await statusOf('poll-3', 'pending'), []);
  await asked('bo', 'poll-4', 'Yes');
});

await check('all are declined, those who were approved too', async () => {
  const { request_id } = await caseOf('poll-1');
  assert.deepEqual(
    await decided(declined, 'poll-1', { action: 'decline_all' }),
    review('poll-1', 'Poll 1', { request_id, scope: 'all_users_on_account', reviewed_requests: [people.mo] }),
  );
  assert.deepEqual((await statusOf('poll-1', 'rejected')).sort(), ids('bo', 'liv', 'mo').sort());
});

await check('who leaves an app is told to it', async () => {
  const saved = await listen('vic-api', 'leaver', leaver.url, { source: 'deauthorization' });
  assert.deepEqual([saved.status, saved.events], ['active', [goodbye]]);
  const { ended } = await native('olga-api', 'DELETE', `/orgs/${souk.orgs.sales.id}/apps/${souk.apps.leaver.id}/installation`);
  assert.equal(ended.length, 1);
  const event = await leaver.next();
  const payload = about(event, goodbye);
  assert.match(payload.signature, /^[0-9a-f]{64}$/);
  assert.deepEqual(payload, {
    account_id: zoom('orgs', 'acme'),
    user_id: zoom('users', 'bo'),
    signature: payload.signature,
    deauthorization_time: new Date(event.event_ts).toISOString(),
    client_id: souk.apps.leaver.credentials.zoom.client_id,
    event_ts: event.event_ts,
  });
});

await check('nobody heard anything else', async () => {
  const said = await told('olga-api', 'gate', hook);
  assert.deepEqual([said.length, said.filter(({ status }) => status !== 'successful')], [gate.heard.length, []]);
  assert.equal(leaver.heard.length, 1);
  return [...gate.heard, ...leaver.heard].map((event) => JSON.stringify(event));
});

await check('a receiver with another secret refuses once', async () => {
  await gate.stop();
  const stranger = await receive('gate', { secret: 'another-secret-token-1', port: gate.port });
  await request('mo', 'poll-4', 'Please');
  const [latest] = (await told('olga-api', 'gate', hook)).filter(({ status }) => status !== 'successful');
  assert.deepEqual([latest.status, latest.attempts, latest.last_outcome], ['exhausted', 1, 'status']);
  const { data } = await rest.getWebhookLogs({ path: { appId: zoom('apps', 'gate') }, query: { type: 2 } });
  assert.equal(data.webhook_logs.length, 1);
  const [log] = data.webhook_logs;
  assert.deepEqual(
    [log.event, log.status, log.retry_num, log.subscription_id, log.endpoint, log.request_id],
    [created, 400, 0, spell(hook.id), gate.url, latest.id.replaceAll('-', '_')],
  );
  assert.deepEqual(JSON.parse(log.response_body), { error: 'Failed to verify event originated from Zoom.' });
  const body = JSON.parse(log.request_body);
  assert.equal(JSON.stringify(body), log.request_body);
  assert.equal(about(body, created).app_name, 'Poll 4');
  assert.deepEqual(stranger.heard, []);
  await stranger.stop();
});

await leaver.stop();
