// Rivet's REST client, pointed at Souk by its base address, makes every call that
// Souk serves. Errors show as it shows Zoom's.

import assert from 'node:assert/strict';
import { check, souk } from './story.mjs';
import { adminOf, clientOf, events, itself, listen, receive, request, says, zoom } from './rivet.mjs';

const { app: rest, manifest } = await adminOf('gate');
const { app: own } = await itself('gate');
const gate = await receive('gate');
const acme = zoom('orgs', 'acme');
const appId = zoom('apps', 'poll-1');
const path = { appId };
const [bo, liv, mo] = ['bo', 'liv', 'mo'].map((user) => zoom('users', user));
const unknown = `[404/1401]: "App ID does not exist: ${zoom('users', 'bo')}"`;
const nobody = { appId: bo };

// done waits for an answer with a status, and returns what it says.
async function done(status, call) {
  const { statusCode, data, trackingId } = await call;
  assert.equal(statusCode, status);
  assert.ok(trackingId);
  return data;
}
const now = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;
const listed = (type) => done(200, rest.listApps({ query: { type } }));

await check('listApps tells what is asked for', async () => {
  await request('bo', 'poll-1', 'Please');
  const { apps, next_page_token, page_size } = await done(200, rest.listApps({ query: {} }));
  assert.deepEqual([next_page_token, page_size, apps.length], ['', 30, 1]);
  const [{ request_id, latest_request_date_time, ...app }] = apps;
  assert.match(request_id, /^[\w-]{22}$/);
  assert.match(latest_request_date_time, now);
  assert.deepEqual(app, {
    app_id: appId, app_name: 'Poll 1', app_type: 'GeneralApp', app_usage: 2, app_status: 'PUBLISHED', app_developer_type: 'THIRD_PARTY', app_description: 'Asks.',
    scopes: [{ scope_name: 'meeting:read', scope_description: 'View your meetings' }], request_total_number: 1, request_pending_number: 1,
  });
});

await check('listApps walks all types', async () => {
  for (const type of ['active_requests', 'past_requests', 'public', 'account_created', 'account_added', 'approved_apps', 'restricted_apps']) await listed(type);
  const seen = [];
  for (let next_page_token = ''; ;) {
    const page = await done(200, rest.listApps({ query: { type: 'public', page_size: 3, next_page_token } }));
    seen.push(...page.apps.map(({ app_name }) => app_name));
    next_page_token = page.next_page_token;
    if (!next_page_token) break;
  }
  assert.ok(seen.length > 3 && new Set(seen).size === seen.length, seen.join());
  await says('[400/300]: "Validation Failed."', rest.listApps({ query: { type: 'all' } }));
});

await check('getInformationAboutApp', async () => {
  const app = await done(200, rest.getInformationAboutApp({ path: { appId: zoom('apps', 'notes') } }));
  assert.deepEqual(app.app_links, {
    documentation_url: 'https://notes.example/docs', privacy_policy_url: 'https://notes.example/privacy',
    support_url: 'https://notes.example/help', terms_of_use_url: 'https://notes.example/terms',
  });
  assert.deepEqual(app.app_requirements, {
    user_role: 'user', min_client_version: '5.7.3',
    account_eligibility: { account_types: ['Pro', 'Business'], premium_events: [{ event_name: 'meeting.qos', event: 'meeting.qos' }] },
  });
  await says(unknown, rest.getInformationAboutApp({ path: nobody }));
});

await check('addAppAllowRequestsForUsers', async () => {
  const said = await done(201, rest.addAppAllowRequestsForUsers({ path, body: { action: 'add_user', user_ids: [liv, mo] } }));
  assert.match(said.added_at, now);
  assert.deepEqual([said.user_ids, said.group_ids], [[liv, mo], []]);
  await says('[400/300]: "Validation Failed."', rest.addAppAllowRequestsForUsers({ path, body: { action: 'add_user', user_ids: [] } }));
  await says(unknown, rest.addAppAllowRequestsForUsers({ path: nobody, body: { action: 'add_user', user_ids: [liv] } }));
});

const asking = async (status) => (await done(200, rest.getAppsUserRequests({ path, query: { status } }))).requests;

await check('getAppsUserRequests', async () => {
  const all = await asking('pending');
  const of = all.find(({ request_user_id }) => request_user_id === bo);
  assert.match(of.request_date_time, now);
  assert.deepEqual({ ...of, request_date_time: '' }, {
    request_user_id: bo, request_user_name: 'Bo Lind', request_user_email: 'bo@acme.example', request_user_department: 'Design & more',
    request_date_time: '', reason: 'Please', status: 'pending',
  });
  assert.deepEqual(all.map(({ request_user_id }) => request_user_id).sort(), [bo, liv, mo].sort());
  await says(unknown, rest.getAppsUserRequests({ path: nobody, query: {} }));
});

await check('getUsersAppRequests', async () => {
  for (const userId of [bo, 'bo@acme.example']) {
    const { apps } = await done(200, rest.getUsersAppRequests({ path: { userId }, query: { type: 'active_requests' } }));
    assert.deepEqual(apps.map(({ app_id, request_status }) => [app_id, request_status]), [[appId, 'pending']]);
  }
  assert.deepEqual((await done(200, rest.getUsersAppRequests({ path: { userId: 'me' }, query: {} }))).apps, []);
  await says('[404/1001]: "User does not exist or does not belong to this account."', rest.getUsersAppRequests({ path: { userId: appId }, query: {} }));
});

await check('updateAppsRequestStatus', async () => {
  const update = (action, ...users) => rest.updateAppsRequestStatus({ path, body: { action, ...(users.length && { request_user_ids: users }) } });
  await done(204, update('approve', bo));
  await done(204, update('decline', liv));
  await done(204, update('cancel', mo));
  assert.deepEqual([await asking('pending'), (await asking('approved')).length, (await asking('rejected')).length], [[], 1, 1]);
  await done(204, update('decline_all'));
  assert.equal((await listed('past_requests')).apps[0].request_declined_number, 2);
  await request('mo', 'poll-1', 'Again');
  await done(204, update('approve_all'));
  assert.equal((await listed('approved_apps')).apps.find(({ app_id }) => app_id === appId).approval_info.approved_type, 'forAllUser');
  await says('[400/300]: "Validation Failed."', update('approve'));
  await says('[404/1001]: "User does not exist or does not belong to this account."', update('approve', appId));
  await says(unknown, rest.updateAppsRequestStatus({ path: nobody, body: { action: 'decline_all' } }));
});

await check('updateAppPreApprovalSetting', async () => {
  const set = (body, on = 'poll-2') => rest.updateAppPreApprovalSetting({ path: { appId: zoom('apps', on) }, body });
  const said = await done(201, set({ action: 'approve_user', user_ids: [bo] }));
  assert.match(said.executed_at, now);
  assert.deepEqual([said.user_ids, said.group_ids], [[bo], []]);
  await done(201, set({ action: 'disapprove_user', user_ids: [bo] }));
  await done(201, set({ action: 'approve_all' }));
  await done(201, set({ action: 'disapprove_all' }));
  await says('[400/1500]: "User can not pre approve this app"', set({ action: 'approve_all' }, 'warden'));
  await says(unknown, rest.updateAppPreApprovalSetting({ path: nobody, body: { action: 'approve_all' } }));
});

await check('event subscriptions', async () => {
  const body = {
    events, event_webhook_url: gate.url, subscription_scope: 'account', event_subscription_name: 'Requests', account_id: acme,
    custom_header: { custom_header_type: 1, username: 'gate', password: 'hush' },
  };
  const { event_subscription_id: eventSubscriptionId } = await done(201, own.createEventSubscription({ body }));
  const all = async () => (await done(200, own.getUserOrAccountEventSubscription({ query: { user_id: bo, account_id: acme, subscription_scope: 'account' } }))).event_subscriptions;
  assert.deepEqual(await all(), [{
    event_subscription_id: eventSubscriptionId, events: events.toSorted(), event_subscription_name: 'Requests', event_webhook_url: gate.url, subscription_scope: 'account',
    created_source: 'openapi', subscriber_id: acme, custom_header: { custom_header_type: 1, username: 'gate', password: '********' },
  }]);
  await done(204, own.unsubscribeAppEventSubscription({ query: { event_subscription_id: eventSubscriptionId, account_id: acme } }));
  assert.deepEqual(await all(), []);
  await done(204, own.subscribeEventSubscription({ path: { eventSubscriptionId }, body: { account_id: acme } }));
  assert.equal((await all()).length, 1);
  await done(204, own.deleteEventSubscription({ path: { eventSubscriptionId } }));
  await says('[404/1601]: "Event subscription does not exist."', own.deleteEventSubscription({ path: { eventSubscriptionId } }));
  await says('[404/1601]: "The event does not exist: meeting.started."', own.createEventSubscription({ body: { ...body, events: ['meeting.started'] } }));
  await says('[400/1003]: "The user does not have permission for the event: app.authorization_request_created."', own.createEventSubscription({ body: { ...body, subscription_scope: 'user', user_ids: [bo] } }));
  await says('[401/201]: "Invalid access token, does not contain scopes:[marketplace:write:event_subscription]."', rest.createEventSubscription({ body }));
});

await check('getWebhookLogs', async () => {
  await listen('olga-api', 'gate', gate.url);
  await request('liv', 'poll-3', 'Please & <thanks> \u2028');
  const event = await gate.next();
  const logs = async (query) => (await done(200, rest.getWebhookLogs({ path: { appId: zoom('apps', 'gate') }, query }))).webhook_logs;
  let found = [];
  for (const end = Date.now() + 20_000; found.length === 0 && Date.now() < end;) found = await logs({ type: 3 });
  const [log] = found;
  assert.deepEqual(
    [found.length, log.event, log.status, log.retry_num, log.endpoint, log.request_body],
    [1, event.event, 200, 0, gate.url, JSON.stringify(event)],
  );
  assert.deepEqual(JSON.parse(log.response_body), { message: 'Zoom event processed successfully.' });
  assert.equal(JSON.parse(log.request_headers)['X-Zm-Request-Id'], log.request_id);
  assert.deepEqual(await logs({}), []); // those that failed
  await says(`[400/1506]: "The 'retry_num' value must be an integer within the range of 0 to 3."`, logs({ retry_num: 4 }));
  await says(unknown, rest.getWebhookLogs({ path: nobody, query: {} }));
});

await check('enableOrDisableUserAppSubscription', async () => {
  const set = (userId, action) => rest.enableOrDisableUserAppSubscription({ path: { userId, appId: zoom('apps', 'leaver') }, body: { action } });
  await done(204, set(bo, 'disable'));
  await done(204, set(bo, 'enable'));
  await says('[404/1001]: "User does not exist or does not belong to this account."', set(appId, 'disable'));
});

await check('manifests', async () => {
  const mine = { appId: zoom('apps', 'bench') };
  const had = (await done(200, manifest.exportAppManifestFromExistingApp({ path: mine }))).manifest;
  assert.equal(had.display_information.display_name, 'Bench');
  const next = { ...had, display_information: { ...had.display_information, description: 'Has a <description> & more.' } };
  assert.deepEqual(await done(200, manifest.validateAppManifest({ body: { manifest: next, app_id: mine.appId } })), { ok: true, error: '', errors: null });
  await done(204, manifest.updateAppByManifest({ path: mine, body: { manifest: next } }));
  assert.deepEqual((await done(200, manifest.exportAppManifestFromExistingApp({ path: mine }))).manifest, next);
  const bad = await done(200, manifest.validateAppManifest({ body: { manifest: { display_information: { display_name: 7 } } } }));
  assert.deepEqual([bad.ok, bad.error, bad.errors.length > 0], [false, 'invalid_manifest', true]);
  await says(unknown, manifest.exportAppManifestFromExistingApp({ path: nobody }));
});

await check('apps are made and deleted', async () => {
  const body = { app_type: 's2s_oauth', app_name: 'Robot', contact_name: 'Olga', contact_email: 'olga@acme.example', company_name: 'Acme', scopes: ['meeting:read'], active: true, publish: false };
  const made = await done(201, rest.createApps({ body }));
  assert.deepEqual([made.app_name, made.app_type, made.scopes, typeof made.development_credentials.client_secret], ['Robot', 's2s_oauth', ['meeting:read'], 'string']);
  await done(204, rest.deletesApp({ path: { appId: made.app_id } }));
  await says(`[404/1401]: "App ID does not exist: ${made.app_id}"`, rest.deletesApp({ path: { appId: made.app_id } }));
});

await check('getAPICallLogs and entitlements', async () => {
  const { call_logs } = await done(200, rest.getAPICallLogs({ path: { appId: zoom('apps', 'gate') }, query: { page_size: 10 } }));
  assert.ok(Array.isArray(call_logs));
  const nothing = { user: rest.getUsersEntitlements({ path: { userId: bo } }), account: rest.getAppUserEntitlements({ query: { user_id: bo } }) };
  for (const call of await Promise.allSettled(Object.values(nothing))) assert.match(call.reason?.message, /^\[404\/1402\]: "/);
});

await check('rotateClientSecret', async () => {
  const mine = { appId: zoom('apps', 'gate') };
  const { secret_id, new_secret, revoke_old_secret_time } = await done(201, own.rotateClientSecret({ path: mine, body: { action: 'new', revoke_old_secret_time: 'now' } }));
  assert.match(secret_id, /^[\w-]{22}$/);
  assert.match(revoke_old_secret_time, now);
  const grant = (secret) => fetch(`${souk.url}/oauth/token`, {
    method: 'POST', headers: { Authorization: `Basic ${btoa(`${souk.apps.gate.credentials.zoom.client_id}:${secret}`)}` },
    body: new URLSearchParams({ grant_type: 'client_credentials' }),
  });
  assert.equal((await grant(new_secret)).status, 200);
  assert.equal((await grant(souk.apps.gate.credentials.zoom.client_secret)).status, 401);
});

await check('a token that does not answer', async () => {
  const { app } = clientOf('gate', 'nonsense');
  await says('[401/124]: "Invalid access token."', app.listApps({ query: {} }));
});

await gate.stop();
