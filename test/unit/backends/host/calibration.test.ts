import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { calibrate } from '../../../../src/backends/host/calibration.ts';
import type { HostedSession } from '../../../../src/backends/host/hosted-session.ts';
import type { Executor } from '../../../../src/core/executor.ts';
import type { Signature } from '../../../../src/core/signature.ts';

const LIMIT_MS = 1;

describe('calibration', () => {
  it('takes the best run: on a busy machine most wait for a core', async () => {
    const waits = [30, 9, 30, 0.2, 12, 30, 30, 9, 9, 30];
    const { measured, runs } = await calibrated((run) => waits[run % waits.length]!);
    assert.deepEqual([measured, runs], [{ oneRowMs: 0.2, largestMs: 0.2 }, 20]);
  });

  it('runs as many large rows at once as a mebibyte holds, and of small ones the largest batch or none', async () => {
    const sizes = async (floats: number, most: number): Promise<readonly (number | undefined)[]> => {
      const { measured, rows } = await calibrated(() => 0.2, [-1, floats], most);
      return [measured.largestMs, ...new Set(rows)];
    };
    assert.deepEqual(await sizes(150_528, 64), [0.2, 1]);
    assert.deepEqual(await sizes(50_000, 64), [0.2, 1, 4]);
    assert.deepEqual(await sizes(50_000, 3), [0.2, 1, 3]);
    assert.deepEqual(await sizes(5000, 64), [undefined, 1]);
    assert.deepEqual(await sizes(2 ** 18 + 1, 64), [undefined]);
  });

  it('tries a slow model twice, since one run may have waited', async () => {
    const { measured, runs } = await calibrated(() => 5000);
    assert.deepEqual([measured, runs], [{ oneRowMs: 5000, largestMs: undefined }, 2]);
  });
});

/** @param msOf the duration of the nth run, from 0 */
async function calibrated(msOf: (run: number) => number, shape: readonly number[] = [-1], maxBatchSize = 4) {
  let runs = 0;
  const rows: number[] = [];
  const executor: Pick<Executor, 'run'> = {
    run: ({ size }) => {
      rows.push(size);
      return Promise.resolve({ outputs: new Map(), runStart: 0, runEnd: msOf(runs++) });
    },
  };
  const signature: Signature = {
    methodName: 'tensorflow/serving/predict',
    inputs: new Map([['x', { tensorName: 'x', dtype: 'float32', shape }]]),
    outputs: new Map([['y', { tensorName: 'y', dtype: 'float32', shape: [-1] }]]),
    batchAxis: { kind: 'dynamic' },
  };
  const hosted = { executor, signatures: new Map([['serving_default', signature]]) };
  return { measured: await calibrate(hosted as unknown as HostedSession, maxBatchSize, LIMIT_MS), runs, rows };
}
