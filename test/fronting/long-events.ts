/**
 * One stream of events from Go's net/http through `pillion serve`, an event a second, and how late each arrived: a stream
 * is not cut however long it is, nor is it for a silence. Usage: `long-events.js [--minutes=N]`, 10 by default.
 */
import assert from 'node:assert/strict';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { DIGITS, startSidecar } from '../support/sidecar.ts';
import { startApp } from './apps.ts';
import { ask, residentMib } from './passing.ts';

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' } } });
const seconds = Math.round(Number(values.minutes) * 60);
assert.ok(seconds > 0, `--minutes=${values.minutes} is no time`);

const app = await startApp('go');
const sidecar = await startSidecar([...DIGITS, `--app=http://${app.address}`]);
const before = residentMib(sidecar.process.pid!);
// The second one is silent until its end.
const silent = ask(sidecar.rest, `/sse?count=2&ms=${seconds * 1000}`).then(async (answer) => {
  let text = '';
  for await (const chunk of answer) text += chunk;
  return text.split('id: ').length - 1;
});
const late: number[] = [];
const answer = await ask(sidecar.rest, `/sse?count=${seconds}&ms=1000`);
for await (const chunk of answer) {
  for (const [, sentAt] of (chunk as Buffer).toString().matchAll(/data: (\d+)/g))
    late.push(Date.now() - Number(sentAt));
}
const found = await silent;
late.sort((a, b) => a - b);
const after = residentMib(sidecar.process.pid!);
await sidecar.stop();
await app.kill();
const at = (share: number): number => late[Math.floor((late.length - 1) * share)]!;
process.stdout.write(
  `${late.length} of ${seconds} events, late by ${at(0.5)} ms (median), ${at(0.99)} ms (p99), ${at(1)} ms at most; ` +
    `${found} of 2 around a silence of ${seconds} s; ${before.toFixed(0)} → ${after.toFixed(0)} MiB\n`,
);
assert.equal(late.length, seconds);
assert.equal(found, 2);
