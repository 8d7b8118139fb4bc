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

  it('tries a slow model twice, since one run may have waited', async () => {
    const { measured, runs } = await calibrated(() => 5000);
    assert.deepEqual([measured, runs], [{ oneRowMs: 5000, largestMs: undefined }, 2]);
  });
});

/** @param msOf the duration of the nth run, from 0 */
async function calibrated(msOf: (run: number) => number) {
  let runs = 0;
  const executor: Pick<Executor, 'run'> = {
    run: () => Promise.resolve({ outputs: new Map(), runStart: 0, runEnd: msOf(runs++) }),
  };
  const signature: Signature = {
    methodName: 'tensorflow/serving/predict',
    inputs: new Map([['x', { tensorName: 'x', dtype: 'float32', shape: [-1] }]]),
    outputs: new Map([['y', { tensorName: 'y', dtype: 'float32', shape: [-1] }]]),
    batchAxis: { kind: 'dynamic' },
  };
  const hosted = { executor, signatures: new Map([['serving_default', signature]]) };
  return { measured: await calibrate(hosted as unknown as HostedSession, 4, LIMIT_MS), runs };
}
