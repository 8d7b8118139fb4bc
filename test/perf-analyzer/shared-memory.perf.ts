/** perf_analyzer with tensors in system shared memory, both ways. */

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { DIGIT_MODELS } from '../support/digit-answers.ts';
import { ENGINE_NAMES, engineFlags } from '../support/engine-names.ts';
import { killSidecars, startSidecar } from '../support/sidecar.ts';
import { analyzeCounted, DIGITS, EXACT, exactModels, grpcOf, refuse, restOf } from './analyzer.ts';

/** Outputs of the digits take 40 and 8 bytes a row. */
const SHARED = ['--shared-memory', 'system', '--output-shared-memory-size', '1024'];
const TOGETHER = ['--concurrency-range', '32', '--max-threads', '32'];

const directory = mkdtempSync(join(tmpdir(), 'pillion-perf-'));

after(() => {
  killSidecars();
  rmSync(directory, { recursive: true });
  // It leaves the file of an output when it is refused.
  rmSync('/dev/shm/digit', { force: true });
});

for (const engine of ENGINE_NAMES) {
  it(`tensors in shared memory, on ${engine}`, async () => {
    const flags = ['--allow_client_shm', ...engineFlags(engine)];
    const sidecar = await startSidecar([...DIGIT_MODELS, ...exactModels(directory), ...flags]);
    for (const at of [grpcOf(sidecar), [...grpcOf(sidecar), '--streaming'], restOf(sidecar)]) {
      // Random numbers: it compares no answer that is in shared memory.
      for (const model of [...DIGITS, ...EXACT]) {
        await analyzeCounted(sidecar, [...at, ...SHARED], { model });
        await analyzeCounted(sidecar, [...at, ...SHARED, '-b', '4', ...TOGETHER], { model, callers: 32, rows: 4 });
      }
    }
    assert.equal(await sidecar.stop(), 0);
  });
}

it('without --allow_client_shm it is refused', async () => {
  const sidecar = await startSidecar(DIGIT_MODELS);
  for (const at of [grpcOf(sidecar), restOf(sidecar)]) {
    await refuse([...at, '-m', 'digits', ...SHARED], /shared memory/i);
  }
  assert.equal(await sidecar.stop(), 0);
});
