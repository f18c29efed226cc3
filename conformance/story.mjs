// What the stories have in common: the marketplace they run against, and the
// one line of JSON that each of their checks prints.

import assert from 'node:assert/strict';
import { ErrorCode, LogLevel, WebClient } from '@slack/web-api';

// The address of the server, and by section and key what the world document
// made: ids in both spellings, and the tokens' secrets.
export const souk = JSON.parse(process.env.SOUK);

export const slackApiUrl = `${souk.url}/api/`;

// slack finds an object's id as Slack spells it.
export const slack = (section, key) => souk[section][key].slack_id;

// check runs one check and prints how it went, and what it returns as told.
export async function check(name, run) {
  let failure;
  let told;
  try {
    told = await run();
  } catch (err) {
    failure = err.stack ?? String(err);
    if (err.data) failure += `\n${JSON.stringify(err.data)}`;
  }
  process.stdout.write(`${JSON.stringify({ check: name, failure, told })}\n`);
}

// client is a WebClient with one of the document's tokens.
export function client(token, options = {}) {
  return new WebClient(souk.tokens[token].token, { slackApiUrl, logLevel: LogLevel.ERROR, logger: quiet, ...options });
}

// quiet drops what the client would print about refusals that a story wants.
export const quiet = {
  debug() {}, info() {}, warn() {}, error() {}, setLevel() {}, setName() {}, getLevel: () => LogLevel.ERROR,
};

// refused waits for a call that must be refused with a code, and returns all of
// the answer.
export async function refused(code, call) {
  const err = await call.then(() => assert.fail(`want ${code}, but the call succeeded`), (thrown) => thrown);
  assert.equal(err.code, ErrorCode.PlatformError, err.stack);
  assert.equal(err.data.error, code, JSON.stringify(err.data));
  assert.equal(err.data.ok, false);
  return err.data;
}

// native calls Souk's own API as a person. What it refuses is thrown, with the
// problem beside it.
export async function native(token, method, path, body) {
  const answer = await fetch(`${souk.url}/souk/v1${path}`, {
    method,
    headers: { Authorization: `Bearer ${souk.tokens[token].token}`, 'Content-Type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  const said = await answer.json();
  if (!answer.ok) throw Object.assign(new Error(`${method} ${path}: ${JSON.stringify(said)}`), { problem: said });
  return said;
}

// ask files a request of Bo's.
export function ask(app, org, reason = 'because') {
  return native('bo-api', 'POST', `/orgs/${souk.orgs[org].id}/requests`, { app: souk.apps[app].id, reason });
}

// createWebhook has the app console told of requests at a URL.
export function createWebhook(url) {
  const hook = { dialect: 'slack', url, events: ['app_requested'] };
  return native('olga-api', 'POST', `/apps/${souk.apps.console.id}/webhooks`, hook);
}
