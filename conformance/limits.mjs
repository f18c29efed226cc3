// The server limits calls; the client waits for as long as it is told and then
// succeeds.

import assert from 'node:assert/strict';
import { ErrorCode, WebClientEvent } from '@slack/web-api';
import { check, client } from './story.mjs';

// api.test is refilled fastest: it may be called 200 times at once and then 100
// times a minute. No client here calls as slowly as that.

await check('a client that waits succeeds', async () => {
  const ada = client('ada', { retryConfig: { retries: 3, minTimeout: 1, maxTimeout: 1 } });
  const waits = [];
  ada.on(WebClientEvent.RATE_LIMITED, (seconds) => waits.push(seconds));
  let calls = 0;
  for (; waits.length === 0; calls += 1) assert.equal((await ada.api.test()).ok, true);
  assert.ok(calls > 200, `the wait began after ${calls} calls`);
  assert.deepEqual(waits, [1]);
});

await check('a client that does not wait is told how long it should', async () => {
  const ada = client('ada', { rejectRateLimitedCalls: true });
  await assert.rejects(async () => {
    for (;;) await ada.api.test();
  }, { code: ErrorCode.RateLimitedError, retryAfter: 1 });
});

await check('other methods are not affected', async () => {
  assert.equal((await client('ada', { rejectRateLimitedCalls: true }).auth.test()).ok, true);
});
