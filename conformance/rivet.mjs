// What the stories of Zoom's client have in common: its receiver and its REST
// client, and ids as Zoom spells them.

import assert from 'node:assert/strict';
import { EventEmitter, on } from 'node:events';
import { HttpReceiver, MarketplaceS2SAuthClient } from '@zoom/rivet/marketplace';
import { native, souk } from './story.mjs';

export const events = ['created', 'approved', 'declined'].map((word) => `app.authorization_request_${word}`);
export const goodbye = 'app_deauthorized';

// zoom finds an object's id as Zoom spells it.
export const zoom = (section, key) => spell(souk[section][key].id);
export const spell = (uuid) => Buffer.from(uuid.replaceAll('-', ''), 'hex').toString('base64url');

const credentials = (app) => souk.apps[app].credentials.zoom;

// client is Rivet's for an app. It asks Souk for a token by a grant of its own, as
// Rivet's address for tokens is fixed.
export async function client(app, grant) {
  const { client_id: clientId, client_secret: clientSecret } = credentials(app);
  const answer = await fetch(`${souk.url}/oauth/token`, {
    method: 'POST',
    headers: { Authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}` },
    body: new URLSearchParams(grant),
  });
  const given = await answer.json();
  assert.equal(answer.status, 200, JSON.stringify(given));
  assert.deepEqual([typeof given.access_token, given.token_type, typeof given.expires_in, typeof given.scope, given.api_url],
    ['string', 'bearer', 'number', 'string', souk.url]);
  return clientOf(app, given.access_token, given);
}

// clientOf is Rivet's for an app with a token.
export function clientOf(app, accessToken, { expires_in = 3600, scope = '' } = {}) {
  const { client_id: clientId, client_secret: clientSecret } = credentials(app);
  const token = { accessToken, expirationTimeIso: new Date(Date.now() + expires_in * 1000).toISOString(), scopes: scope.split(' ') };
  const tokenStore = { getLatestToken: () => token, storeToken: () => assert.fail('a token was fetched elsewhere') };
  return new MarketplaceS2SAuthClient({
    clientId, clientSecret, accountId: zoom('orgs', 'acme'), tokenStore, disableReceiver: true, baseUrl: `${souk.url}/v2`,
  }).endpoints;
}

export const adminOf = (app) => client(app, { grant_type: 'account_credentials', account_id: zoom('orgs', 'acme') });
export const itself = (app) => client(app, { grant_type: 'client_credentials' });

// receive starts Rivet's receiver for an app. What its listeners are told, they
// keep.
export async function receive(app, { secret = credentials(app).webhook_secret_token, port = 0 } = {}) {
  const { client_id: clientId, client_secret: clientSecret } = credentials(app);
  const receiver = new HttpReceiver({ port, webhooksSecretToken: secret });
  const consumer = new MarketplaceS2SAuthClient({ clientId, clientSecret, accountId: zoom('orgs', 'acme'), receiver });
  const heard = [];
  const ear = new EventEmitter();
  for (const name of [...events, goodbye]) {
    consumer.webEventConsumer.event(name, (event) => {
      assert.equal(event.event, name);
      heard.push(event);
      ear.emit('heard');
    });
  }
  const server = await consumer.start();
  server.unref(); // a check that fails does not keep the story from its end
  const place = server.address().port;
  let taken = 0;
  return {
    heard, port: place, url: `http://127.0.0.1:${place}/zoom/events`,
    // next waits for the next event.
    async next() {
      while (heard.length === taken) await waited(ear);
      taken += 1;
      return heard[taken - 1];
    },
    async stop() {
      server.closeAllConnections();
      await receiver.stop();
    },
  };
}

async function waited(ear) {
  for await (const _ of on(ear, 'heard', { signal: AbortSignal.timeout(20_000) })) return;
}

// listen saves a webhook of an app's.
export function listen(token, app, url, more = { events }) {
  return native(token, 'POST', `/apps/${souk.apps[app].id}/webhooks`, { dialect: 'zoom', url, ...more });
}

// told are the deliveries of a webhook, newest first, once none is on its way.
export async function told(token, app, hook) {
  for (const end = Date.now() + 20_000; Date.now() < end;) {
    const { items } = await native(token, 'GET', `/apps/${souk.apps[app].id}/webhooks/${hook.id}/deliveries`);
    if (items.every(({ attempts }) => attempts > 0)) return items;
    await new Promise((done) => { setTimeout(done, 20); });
  }
  return assert.fail('deliveries are never made');
}

// request files a user's request for an app at Acme.
export const request = (user, app, reason) => native(`${user}-api`, 'POST', `/orgs/${souk.orgs.acme.id}/requests`, { app: souk.apps[app].id, reason });

// says waits for a call that is refused with a text, as Rivet spells it.
export async function says(text, call) {
  const err = await call.then(({ data }) => assert.fail(`want ${text}, but got ${JSON.stringify(data)}`), (thrown) => thrown);
  assert.deepEqual([err.name, err.message], ['ApiResponseError', text], err.stack);
}
