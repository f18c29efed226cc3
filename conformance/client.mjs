// What @slack/web-api relies on in every call: arguments, tokens, the envelope
// and the headers that it turns into response_metadata.

import assert from 'node:assert/strict';
import { WebClient } from '@slack/web-api';
import { check, client, quiet, refused, slack, slackApiUrl, souk } from './story.mjs';

const ada = client('ada');
const bot = client('bot');

await check('api.test echoes arguments', async () => {
  const answer = await ada.api.test({ foo: 'bar', number: 7, flag: true, list: ['a', 'b'], object: { a: 1 } });
  assert.equal(answer.ok, true);
  assert.deepEqual(answer.args, { foo: 'bar', number: '7', flag: 'true', list: '["a","b"]', object: '{"a":1}' });
});

await check('api.test answers an empty post without a token', async () => {
  const answer = await new WebClient(undefined, { slackApiUrl }).api.test();
  assert.deepEqual(answer.args, {});
});

await check('api.test fails when asked to', async () => {
  const data = await refused('my_error', ada.api.test({ error: 'my_error' }));
  assert.deepEqual(data.args, { error: 'my_error' });
});

await check('a Buffer makes the call multipart', async () => {
  const answer = await ada.api.test({ foo: 'bär', file: Buffer.from('in a file') });
  assert.deepEqual(answer.args, { foo: 'bär', file: 'in a file' });
});

await check('auth.test tells an org-level token', async () => {
  const answer = await ada.auth.test();
  assert.deepEqual(
    [answer.url, answer.team, answer.user, answer.team_id, answer.user_id, answer.enterprise_id, answer.is_enterprise_install, answer.app_id],
    [`${souk.url}/`, 'Acme', 'ada', slack('orgs', 'acme'), slack('users', 'ada'), slack('orgs', 'acme'), true, slack('apps', 'console')],
  );
  assert.equal(answer.bot_id, undefined);
});

await check('auth.test tells a workspace-level token', async () => {
  const answer = await client('ada-desk').auth.test();
  assert.deepEqual(
    [answer.team, answer.team_id, answer.enterprise_id, answer.is_enterprise_install],
    ['Sales', slack('orgs', 'sales'), slack('orgs', 'acme'), false],
  );
});

await check('auth.test tells a bot token', async () => {
  const answer = await bot.auth.test();
  assert.match(answer.bot_id, /^B[A-Z0-9]+$/);
  assert.match(answer.user_id, /^U[A-Z0-9]+$/);
  assert.deepEqual([answer.user, answer.team_id, answer.app_name], ['deploy.bot', slack('orgs', 'sales'), 'Deploybot']);
});

await check('the token of a call wins over the client\'s', async () => {
  const answer = await bot.auth.test({ token: souk.tokens.ada.token });
  assert.equal(answer.user, 'ada');
});

await check('tokens that do not answer', async () => {
  await refused('not_authed', new WebClient(undefined, { slackApiUrl, logger: quiet }).auth.test());
  await refused('invalid_auth', new WebClient('xoxp-souk-nobody', { slackApiUrl, logger: quiet }).auth.test());
  await refused('token_revoked', client('ada-revoked').auth.test());
  await refused('account_inactive', client('bot-revoked').auth.test());
  await refused('token_expired', client('ada-expired').auth.test());
});

await check('scopes are told in response_metadata', async () => {
  const answer = await ada.admin.apps.approved.list({ enterprise_id: slack('orgs', 'acme') });
  assert.deepEqual(answer.response_metadata.scopes, ['admin.apps:read', 'admin.apps:write']);
  assert.deepEqual(answer.response_metadata.acceptedScopes, ['admin.apps:read']);
});

await check('a missing scope is named', async () => {
  const data = await refused('missing_scope', client('ada-reads').admin.apps.approve({ app_id: slack('apps', 'poll-1'), team_id: slack('orgs', 'sales') }));
  assert.deepEqual([data.needed, data.provided], ['admin.apps:write', 'admin.apps:read']);
  assert.deepEqual(data.response_metadata, { scopes: ['admin.apps:read'], acceptedScopes: ['admin.apps:write'] });
});

await check('messages say what is wrong and are logged as errors', async () => {
  const logged = [];
  const logger = { ...quiet, error: (message) => logged.push(message) };
  const data = await refused('invalid_arguments', client('ada', { logger }).admin.apps.clearResolution({ team_id: slack('orgs', 'sales') }));
  assert.deepEqual(data.response_metadata.messages, ['[ERROR] missing required field: app_id']);
  assert.deepEqual(logged, ['missing required field: app_id']);
});

await check('a method that is not served', async () => {
  const data = await refused('unknown_method', ada.chat.postMessage({ channel: 'C1', text: 'hello' }));
  assert.equal(data.req_method, 'chat.postMessage');
});

await check('kinds of tokens that do not govern', async () => {
  const approval = { app_id: slack('apps', 'poll-1'), team_id: slack('orgs', 'sales') };
  await refused('not_allowed_token_type', bot.admin.apps.approve(approval));
  await refused('not_allowed_token_type', client('app-level').admin.apps.approve(approval));
  await refused('app_management_app_not_installed_on_org', client('ada-desk').admin.apps.approve(approval));
});
