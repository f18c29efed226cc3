// Takes bodies from its input, a line each, whose reasons are all code points in
// order. It says how many code points there were, and which bodies JSON.stringify
// would spell otherwise.

import { text } from 'node:stream/consumers';

const lines = (await text(process.stdin)).split('\n').slice(0, -1);
let next = 0;
const wrong = [];
for (const [number, line] of lines.entries()) {
  const body = JSON.parse(line);
  if (JSON.stringify(body) !== line) wrong.push(`body ${number} is spelled otherwise`);
  for (const character of body.payload.request_reason) {
    if (next === 0xd800) next = 0xe000; // what is between is half a character
    if (character.codePointAt(0) !== next) {
      wrong.push(`body ${number} has ${character.codePointAt(0)} for ${next}`);
      break;
    }
    next += 1;
  }
}
process.stdout.write(JSON.stringify({ next, wrong: wrong.slice(0, 10) }));
