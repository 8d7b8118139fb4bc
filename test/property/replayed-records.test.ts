/** Records of any bytes: a replay ends, with an answer or with an error that says what is wrong; nothing else is thrown. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ServingError } from '../../src/core/errors.ts';
import { numericTensor } from '../../src/core/tensor.ts';
import { Servable } from '../../src/models/serving/servable.ts';
import { PredictionLogReplayer } from '../../src/proxy/records/prediction-log-replayer.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { hasFeature } from '../support/has-feature.ts';
import { classifyLog, floatExample, multiInferenceLog, regressionOf, regressLog } from '../support/inference-logs.ts';
import { installed } from '../support/listed-features.ts';
import { floats, predictLog } from '../support/prediction-logs.ts';
import { type Behaviour, echo, FLOAT_SIGNATURE, PuppetRunner, signature, spec } from '../support/puppet-models.ts';

const { replays } = (await installed(['classify-and-regress'])).models;
const OPTIONS = { clock: new FakeClock(), maxTensorBytes: 10_000, replays };
const EXAMPLES = [floatExample('x', 1), floatExample('x', 2)];
const RECORDS = [
  predictLog({ inputs: { x: floats(1, 2, 3) }, outputs: { y: floats(1, 2, 3) } }),
  classifyLog({ modelSpec: { name: 'm', signatureName: 'classify' }, examples: EXAMPLES }, [[['', 1]], [['', 2]]]),
  regressLog({ modelSpec: { name: 'm', signatureName: 'regress' }, examples: EXAMPLES }, [1, 2]),
  multiInferenceLog(
    [{ modelSpec: { name: 'm', signatureName: 'regress' }, methodName: 'tensorflow/serving/regress' }],
    EXAMPLES,
    [regressionOf(1, 2)],
  ),
].slice(0, hasFeature('classify-and-regress') ? undefined : 1);

const STRING_INPUT = { inputs: spec('string', [-1]) };
const SIGNATURES = new Map([
  ['serving_default', FLOAT_SIGNATURE],
  ['classify', signature(STRING_INPUT, { scores: spec('float32', [-1, 1]) })],
  ['regress', signature(STRING_INPUT, { outputs: spec('float32', [-1]) })],
]);

/** Numbers its rows from 1 where it is given examples, as the records have it; else it echoes. */
const numbered: Behaviour = (request) => {
  const examples = request.inputs.get('inputs');
  if (examples === undefined) return echo(request);
  const [rows] = examples.shape;
  const values = Float32Array.from({ length: rows! }, (_, i) => i + 1);
  return new Map(
    request.outputs.map((name) => [name, numericTensor('float32', name === 'scores' ? [rows!, 1] : [rows!], values)]),
  );
};

/** A good record with some of its bytes changed, and perhaps cut. */
const damaged = fc
  .constantFrom(...RECORDS)
  .chain((record) =>
    fc.tuple(
      fc.constant(record),
      fc.array(fc.tuple(fc.nat({ max: record.length - 1 }), fc.nat({ max: 255 })), { maxLength: 4 }),
      fc.nat({ max: record.length }),
    ),
  )
  .map(([record, changes, length]) => {
    const bytes = Uint8Array.from(record);
    for (const [at, value] of changes) bytes[at] = value;
    return bytes.subarray(0, changes.length % 2 === 0 ? bytes.length : length);
  });

test('an undamaged record of each kind passes as golden', async () => {
  const servable = new Servable('m', 1n, SIGNATURES, new PuppetRunner(numbered));
  const replayer = new PredictionLogReplayer(OPTIONS);
  for (const record of RECORDS) await replayer.check(servable, record);
});

test('a damaged record is replayed or refused, and the version is given back', () => {
  return fc.assert(
    fc.asyncProperty(fc.oneof(damaged, fc.uint8Array({ maxLength: 60 })), async (record) => {
      const runner = new PuppetRunner(numbered);
      const servable = new Servable('m', 1n, SIGNATURES, runner);
      const replayer = new PredictionLogReplayer(OPTIONS);
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
