// Rivet's receiver with the secret of the environment. It prints its address, and
// then what its listeners are told, a line of JSON each, until its input ends.

import { HttpReceiver, MarketplaceS2SAuthClient } from '@zoom/rivet/marketplace';

const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
const receiver = new HttpReceiver({ port: 0, webhooksSecretToken: process.env.SECRET });
const client = new MarketplaceS2SAuthClient({ clientId: 'id', clientSecret: 'secret', accountId: 'account', receiver });
client.webEventConsumer.event('app.authorization_request_created', say);
const server = await client.start();
say({ url: `http://127.0.0.1:${server.address().port}/zoom/events` });
process.stdin.resume().once('end', () => process.exit());
