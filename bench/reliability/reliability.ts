/**
 * npm run bench -- reliability: measures all that docs/results/reliability.md says, in an hour and a half, and writes
 * the page.
 *
 *   attacks    bench/attacks           half an hour
 *   faults     npm test -- faults      five minutes
 *   restarts   npm test -- restarts    ten minutes
 *   fuzz       npm test -- fuzz        two minutes, kept
 *   soak       npm test -- soak        half an hour
 *
 * `--only=PART,…` measures some of them; `--render` writes the page from the results that are there. A part that fails
 * is said at the end, and its results stand in the page as they are.
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { reliabilityPage } from './render.ts';

const PARTS: Readonly<Record<string, readonly string[]>> = {
  attacks: ['build/bench/attacks/attacks.js'],
  faults: ['build/bench/faults/fault-bench.js'],
  restarts: ['scripts/test.mjs', 'restarts'],
  fuzz: ['scripts/test.mjs', 'fuzz', '--seconds=120', '--keep'],
  soak: ['build/test/long/soak/soak.js', '--minutes=30'],
};
const PAGE = 'docs/results/reliability.md';

const { values } = parseArgs({ options: { only: { type: 'string' }, render: { type: 'boolean', default: false } } });
const chosen = values.render ? [] : (values.only?.split(',') ?? Object.keys(PARTS));
const unknown = chosen.filter((name) => PARTS[name] === undefined);
if (unknown.length > 0) {
  process.stderr.write(`There is no part ${unknown.join(', ')}; there are ${Object.keys(PARTS).join(', ')}.\n`);
  process.exit(64);
}
const failed: string[] = [];
for (const name of chosen) {
  process.stdout.write(`\n=== ${name}\n`);
  const { status } = spawnSync(process.execPath, PARTS[name]!, { stdio: 'inherit' });
  if (status !== 0) failed.push(name);
}
writeFileSync(PAGE, reliabilityPage());
process.stdout.write(`\n${PAGE} is written.\n`);
if (failed.length > 0) {
  process.stdout.write(`Not as they should be: ${failed.join(', ')}.\n`);
  process.exitCode = 1;
}
