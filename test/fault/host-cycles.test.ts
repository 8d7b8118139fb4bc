import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { it } from 'node:test';
import { collectGarbage } from '../../src/api/contract/collect-garbage.ts';
import { startThreadHost } from '../../src/backends/host/thread/thread-host.ts';
import { systemClock } from '../../src/core/clock.ts';
import { batchOf } from '../support/fake-model.ts';
import { onnxModel } from '../support/onnx-model.ts';
import { tempDirectory } from '../support/temp-directory.ts';

const CYCLES = 200;

it(`a worker thread that sleeps on its mailbox leaves nothing behind, ${CYCLES} times`, async (t) => {
  const versionDirectory = tempDirectory(t);
  const x = { name: 'x', dtype: 'float32', dims: ['rows'] } as const;
  const nodes = [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }];
  writeFileSync(
    join(versionDirectory, 'model.onnx'),
    onnxModel({ inputs: [x], outputs: [{ ...x, name: 'y' }], nodes }),
  );
  const loadOptions = { intraOpThreads: 1, executionProvider: 'cpu' };
  const options = { model: 'm', versionDirectory, backendModule: 'onnx', loadOptions, slots: 1, clock: systemClock };
  const cycles = async (count: number): Promise<number> => {
    for (let i = 0; i < count; i++) {
      const host = await startThreadHost(options);
      // Closed while the second is on its way.
      const runs = [host.executor.run(batchOf(1)), host.executor.run(batchOf(2))];
      await Promise.all([host.close(), ...runs]);
    }
    collectGarbage();
    return process.memoryUsage.rss();
  };
  const before = await cycles(CYCLES / 5);
  const resources = process.getActiveResourcesInfo().sort();
  const after = await cycles(CYCLES);
  assert.deepEqual(process.getActiveResourcesInfo().sort(), resources);
  // A thread that stayed would leave ten megabytes.
  assert.ok(after < 1.5 * before + 2 ** 26, `resident memory grew from ${before} to ${after} bytes`);
});
