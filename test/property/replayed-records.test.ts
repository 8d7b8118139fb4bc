/** Records of any bytes: a replay ends, with an answer or with an error that says what is wrong; nothing else is thrown. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ServingError } from '../../src/core/errors.ts';
import { Servable } from '../../src/models/servable.ts';
import { PredictionLogReplayer } from '../../src/proxy/records/prediction-log-replayer.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { floats, predictLog } from '../support/prediction-logs.ts';
import { echo, FLOAT_SIGNATURE, PuppetRunner } from '../support/puppet-models.ts';

const RECORD = predictLog({ inputs: { x: floats(1, 2, 3) }, outputs: { y: floats(1, 2, 3) } });

/** A good record with some of its bytes changed, and perhaps cut. */
const damaged = fc
  .tuple(
    fc.array(fc.tuple(fc.nat({ max: RECORD.length - 1 }), fc.nat({ max: 255 })), { maxLength: 4 }),
    fc.nat({ max: RECORD.length }),
  )
  .map(([changes, length]) => {
    const bytes = Uint8Array.from(RECORD);
    for (const [at, value] of changes) bytes[at] = value;
    return bytes.subarray(0, changes.length % 2 === 0 ? bytes.length : length);
  });

test('a damaged record is replayed or refused, and the version is given back', () => {
  return fc.assert(
    fc.asyncProperty(fc.oneof(damaged, fc.uint8Array({ maxLength: 60 })), async (record) => {
      const runner = new PuppetRunner(echo);
      const servable = new Servable('m', 1n, new Map([['serving_default', FLOAT_SIGNATURE]]), runner);
      const replayer = new PredictionLogReplayer({ clock: new FakeClock(), maxTensorBytes: 10_000 });
      for (const work of [replayer.replay(servable, record), replayer.check(servable, record)]) {
        await work.catch((error: unknown) => {
          assert.ok(error instanceof ServingError && error.kind !== 'internal', `${error}`);
        });
      }
      await servable.unload();
      assert.equal(runner.isClosed, true);
    }),
    { numRuns: 1000 },
  );
});
