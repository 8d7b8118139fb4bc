/** `pillion serve` restarted under clients of every surface; `npm test -- restarts` does it 20 times under more of them. */
import assert from 'node:assert/strict';
import process from 'node:process';
import { afterEach, describe, test } from 'node:test';
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

describe(`${RESTARTS} restarts under ${REQUESTS_PER_SECOND} requests a second lose nothing`, () => {
  for (const { engine, hasTls } of RESTARTS === 1 ? FEW : [...FEW, ...MORE]) {
    test(`of ${engine}, ${hasTls ? 'with' : 'without'} TLS`, async (t) => {
      const load = { requestsPerSecond: REQUESTS_PER_SECOND, clientsPerTarget: 8 };
      const tallies = await restartUnderLoad(t, { engine, hasTls, restarts: RESTARTS, ...load });
      for (const [target, { lost, wrong, ...counts }] of tallies) {
        t.diagnostic(`${target}: ${JSON.stringify({ ...counts, lost: lost.length, wrong: wrong.length })}`);
      }
      for (const { lost, wrong } of tallies.values()) assert.deepEqual([lost, wrong], [[], []]);
    });
  }
});
