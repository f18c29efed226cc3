// A webhook is saved when its receiver proves that it is the app's: Rivet does.
// Those here that fail, each in its way, are not saved.

import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { check, native, souk } from './story.mjs';
import { events, itself, listen, receive, says, spell, zoom } from './rivet.mjs';

const gate = await receive('gate');
const secret = souk.apps.gate.credentials.zoom.webhook_secret_token;
const seal = (token, key) => createHmac('sha256', key).update(token).digest('hex');
const proof = (plainToken) => JSON.stringify({ encryptedToken: seal(plainToken, secret), plainToken });
let moved = 0;

// Answers of receivers that are not to be trusted, by their paths.
const answers = {
  '/forged': (res, { plainToken }) => res.end(JSON.stringify({ plainToken, encryptedToken: seal(plainToken, 'another') })),
  '/echo': (res, { plainToken }) => res.end(JSON.stringify({ plainToken })),
  '/empty': (res) => { res.writeHead(204); res.end(); },
  '/broken': (res, { plainToken }) => { res.writeHead(500); res.end(proof(plainToken)); },
  '/late': (res, { plainToken }) => { setTimeout(() => res.end(proof(plainToken)), 4_000); },
  '/moved': (res) => { res.writeHead(307, { Location: '/right' }); res.end(); },
  '/right': (res, { plainToken }) => { moved += 1; res.end(proof(plainToken)); },
};
const liar = createServer(async (req, res) => {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  answers[req.url](res, JSON.parse(Buffer.concat(chunks).toString()).payload);
});
liar.listen(0, '127.0.0.1').unref();
await once(liar, 'listening');
const at = (path) => `http://127.0.0.1:${liar.address().port}${path}`;
const bad = ['/forged', '/echo', '/empty', '/broken', '/late', '/moved'];
const saved = async () => (await native('olga-api', 'GET', `/apps/${souk.apps.gate.id}/webhooks`)).items.map(({ url }) => url);

await check('a webhook that is not proved is not saved', async () => {
  await Promise.all(bad.map(async (path) => {
    const problem = await listen('olga-api', 'gate', at(path)).then(() => assert.fail(`${path} was saved`), (err) => err.problem);
    assert.deepEqual([problem.status, problem.type], [422, '/souk/v1/problems/not-verified'], path);
  }));
  assert.deepEqual(await saved(), []);
  assert.equal(moved, 0);
});

const { app: own } = await itself('gate');
const body = (url) => ({ events, event_webhook_url: url, subscription_scope: 'account', event_subscription_name: 'Requests', account_id: zoom('orgs', 'acme') });

await check('nor is one that the client makes', async () => {
  await Promise.all(bad.map((path) => says('[404/1701]: "URL validation failed. Try again later."', own.createEventSubscription({ body: body(at(path)) }))));
  assert.deepEqual(await saved(), []);
  assert.equal(moved, 0);
});

await check('one with the client behind it is saved', async () => {
  const hook = await listen('olga-api', 'gate', gate.url);
  assert.equal(hook.status, 'active');
  const { statusCode, data } = await own.createEventSubscription({ body: body(gate.url) });
  assert.equal(statusCode, 201);
  assert.notEqual(data.event_subscription_id, spell(hook.id));
  assert.deepEqual(await saved(), [gate.url, gate.url]);
});

await check('a changed URL is asked anew, and kept as it was when it fails', async () => {
  const { items: [hook] } = await native('olga-api', 'GET', `/apps/${souk.apps.gate.id}/webhooks`);
  const change = (url) => native('olga-api', 'PUT', `/apps/${souk.apps.gate.id}/webhooks/${hook.id}`, { url, events });
  await change(at('/forged')).then(() => assert.fail('it was saved'), ({ problem }) => assert.equal(problem.status, 422));
  assert.deepEqual(await saved(), [gate.url, gate.url]);
  assert.equal((await change(at('/right'))).url, at('/right'));
});

await gate.stop();
liar.closeAllConnections();
liar.close();
