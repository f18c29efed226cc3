// Reads bodies, one a line, and prints how many JSON.stringify spells as they
// are, then the code points that their app_description held, as ranges.
import { createInterface } from "node:readline";

let same = 0;
let next = 0;
const ranges = [];
for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  const parsed = JSON.parse(line);
  if (JSON.stringify(parsed) === line) same++;
  for (const c of parsed.payload.app_description) {
    const point = c.codePointAt(0);
    const last = ranges.at(-1);
    if (last && last[1] + 1 === point) last[1] = point;
    else ranges.push([point, point]);
  }
  next++;
}
console.log(JSON.stringify({ same, read: next, ranges }));
