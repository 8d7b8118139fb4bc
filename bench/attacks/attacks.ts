/**
 * npm run bench -- attacks: every attack of test/attacks on the delivered server, one after another, beside a neighbour
 * with 200 small requests a second; and on node's own HTTP for comparison. Writes bench/results/attacks.json after
 * each.
 *
 *   node build/bench/attacks/attacks.js [--only=rapid-reset,…] [--seconds=6]
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { ATTACKS } from '../../test/attacks/attack-list.ts';
import { describeMachine } from '../support/machine.ts';
import { type Measured, measureAttack } from './measure.ts';

const models = mkdtempSync(join(tmpdir(), 'pillion-attacks-'));
process.once('exit', () => rmSync(models, { recursive: true, force: true }));
const RESULTS = 'bench/results/attacks.json';
const PER_SECOND = 200;

const { values } = parseArgs({ options: { only: { type: 'string' }, seconds: { type: 'string', default: '6' } } });
const seconds = Number(values.seconds);
const names = values.only?.split(',');
const chosen = ATTACKS.filter(({ name }) => names === undefined || names.includes(name));
// Attacks that are not chosen keep their figures.
const known =
  names !== undefined && existsSync(RESULTS) ? (JSON.parse(readFileSync(RESULTS, 'utf8')).attacks as Measured[]) : [];
const measured = new Map(known.map((each) => [each.name, each]));
for (const entry of chosen) {
  const figures = await measureAttack(entry, { seconds, perSecond: PER_SECOND }, models);
  measured.set(entry.name, figures);
  const { alone, besideBurner, besideAttack, residentBefore, residentPeak, residentAfter } = figures;
  process.stdout.write(
    `${entry.name}: ${besideAttack.answered} of ${besideAttack.sent}, p99 ${besideAttack.p99.toFixed(1)} ms ` +
      `(alone ${alone.p99.toFixed(1)}, burner ${besideBurner.p99.toFixed(1)}), memory ${residentBefore.toFixed(0)} → ` +
      `${residentPeak.toFixed(0)} → ${residentAfter.toFixed(0)} MiB\n`,
  );
  const attacks = ATTACKS.flatMap(({ name }) => measured.get(name) ?? []);
  writeFileSync(
    RESULTS,
    `${JSON.stringify({ machine: describeMachine(), seconds, perSecond: PER_SECOND, attacks }, undefined, 2)}\n`,
  );
}
