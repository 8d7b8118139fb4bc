/** `pillion serve` restarted under clients of every surface; `npm test -- restarts` does it 20 times under more of them. */

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import process from 'node:process';
import { after, afterEach, describe, test } from 'node:test';
import { isListed } from '../support/engine-names.ts';
import { restartUnderLoad } from '../support/restarts.ts';
import { killSidecars } from '../support/sidecar.ts';

const RESTARTS = Number(process.env['PILLION_RESTARTS'] ?? 1);
const REQUESTS_PER_SECOND = Number(process.env['PILLION_RESTART_RATE'] ?? 400);
/** Together every surface, and each engine. */
const FEW = [
  { engine: 'pillion', hasTls: false },
  { engine: 'grpc-js', hasTls: true },
] as const;
const MORE = [
  { engine: 'pillion', hasTls: true },
  { engine: 'grpc-js', hasTls: false },
] as const;

afterEach(killSidecars);

/** For docs/results/reliability.md, of the whole suite. */
const results: Record<string, unknown>[] = [];
after(() => {
  if (RESTARTS < 20) return;
  const text = JSON.stringify({ restarts: RESTARTS, perSecond: REQUESTS_PER_SECOND, results }, undefined, 2);
  writeFileSync('bench/results/restarts.json', `${text}\n`);
});

describe(`${RESTARTS} restarts under ${REQUESTS_PER_SECOND} requests a second lose nothing`, () => {
  for (const { engine, hasTls } of (RESTARTS === 1 ? FEW : [...FEW, ...MORE]).filter(isListed)) {
    test(`of ${engine}, ${hasTls ? 'with' : 'without'} TLS`, async (t) => {
      const load = { requestsPerSecond: REQUESTS_PER_SECOND, clientsPerTarget: 8 };
      const tallies = await restartUnderLoad(t, { engine, hasTls, restarts: RESTARTS, ...load });
      for (const [target, { lost, wrong, ...counts }] of tallies) {
        const tally = { ...counts, lost: lost.length, wrong: wrong.length };
        results.push({ engine, hasTls, target, ...tally });
        t.diagnostic(`${target}: ${JSON.stringify(tally)}`);
      }
      for (const { lost, wrong } of tallies.values()) assert.deepEqual([lost, wrong], [[], []]);
    });
  }
});
