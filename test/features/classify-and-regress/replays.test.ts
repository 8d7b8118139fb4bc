/** Replays records of Classify, Regress and MultiInference, and compares their answers. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { readPredictionLog } from '../../../src/codec/tensorflow/prediction-log.ts';
import { ServingError } from '../../../src/core/errors.ts';
import { numericTensor, type StringTensor, stringTensor, type Tensor } from '../../../src/core/tensor.ts';
import { EXAMPLES_REPLAYS } from '../../../src/features/classify-and-regress/replays.ts';
import { Servable } from '../../../src/models/serving/servable.ts';
import { PredictionLogReplayer } from '../../../src/proxy/records/prediction-log-replayer.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import {
  classificationOf,
  classifyLog,
  floatExample,
  multiInferenceLog,
  regressionOf,
  regressLog,
} from '../../support/inference-logs.ts';
import { type Behaviour, PuppetRunner, signature, spec } from '../../support/puppet-models.ts';
import { bytesField } from '../../support/wire-fragments.ts';

const EXAMPLES = { inputs: spec('string', [-1]) };
const SIGNATURES = {
  serving_default: signature(EXAMPLES, { classes: spec('string', [-1, -1]), scores: spec('float32', [-1, -1]) }),
  regress: signature(EXAMPLES, { outputs: spec('float32', [-1]) }),
};

/** Gives each example's length in bytes, and "big" or "small" by it. */
const lengths: Behaviour = ({ inputs, outputs }) => {
  const { data } = inputs.get('inputs') as StringTensor;
  const n = data.length;
  const sizes = Float32Array.from(data, ({ length }) => length);
  const labels = data.flatMap(({ length }) => [Buffer.from(length > 20 ? 'big' : 'small'), Buffer.from('')]);
  const given: Record<string, Tensor> = {
    classes: stringTensor([n, 2], labels),
    scores: numericTensor(
      'float32',
      [n, 2],
      Float32Array.from({ length: 2 * n }, (_, i) => (i % 2 === 0 ? sizes[i / 2]! : 0)),
    ),
    outputs: numericTensor('float32', [n], sizes),
  };
  return new Map(outputs.map((name) => [name, given[name]!]));
};

/** Examples and their lengths, which the puppet answers. */
const ONE = floatExample('x', 1);
const TWO = floatExample('x', 1, 2);
const [ONE_BYTES, TWO_BYTES] = [17, 21];

function harness(maxTensorBytes = 10_000, behave = lengths) {
  const runner = new PuppetRunner(behave);
  const servable = new Servable('m', 7n, new Map(Object.entries(SIGNATURES)), runner);
  const replayer = new PredictionLogReplayer({ clock: new FakeClock(), maxTensorBytes, replays: EXAMPLES_REPLAYS });
  const check = (record: Uint8Array): Promise<void> => replayer.check(servable, record);
  return { runner, servable, check, replay: (record: Uint8Array) => replayer.replay(servable, record) };
}

const REGRESS = { modelSpec: { name: 'another', signatureName: 'regress' }, examples: [ONE, TWO] };
const CLASSIFY = { modelSpec: { name: 'm' }, examples: [ONE, TWO] };
const CLASSES = [
  [
    ['small', ONE_BYTES],
    ['', 0],
  ],
  [
    ['big', TWO_BYTES],
    ['', 0],
  ],
] as const;

const task = (method: string, modelSpec?: object) => ({
  ...(modelSpec && { modelSpec }),
  methodName: `tensorflow/serving/${method}`,
});

describe('a replayed record of a method on examples', () => {
  it('reaches the version that is to be served, whatever model it names, and also if it names none', async () => {
    const { runner, replay, servable } = harness();
    await replay(
      classifyLog({
        modelSpec: { name: 'another', versionChoice: { case: 'version', value: { value: 3n } } },
        examples: [ONE],
      }),
    );
    await replay(classifyLog({ examples: [TWO] }));
    await replay(regressLog(REGRESS));
    assert.deepEqual(
      runner.requests.map(({ signatureName, inputs }) => [
        signatureName,
        (inputs.get('inputs') as StringTensor).data.map(({ length }) => length),
      ]),
      [
        ['serving_default', [ONE_BYTES]],
        ['serving_default', [TWO_BYTES]],
        ['regress', [ONE_BYTES, TWO_BYTES]],
      ],
    );
    await servable.unload();
    assert.equal(runner.isClosed, true);
  });

  it('runs every task of a MultiInference, under whatever names, and of a task without a spec', async () => {
    const { runner, replay } = harness();
    const tasks = [task('classify'), task('regress', { name: 'another', signatureName: 'regress' })];
    await replay(multiInferenceLog(tasks, [ONE]));
    assert.deepEqual(
      runner.requests.map(({ signatureName }) => signatureName),
      ['serving_default', 'regress'],
    );
  });

  it('rejects with what its handler refuses', async () => {
    const { replay } = harness();
    await assert.rejects(replay(regressLog(CLASSIFY)), /does not regress/);
    await assert.rejects(replay(classifyLog({ examples: [] })), /Input is empty/);
    await assert.rejects(replay(multiInferenceLog([], [ONE])), /the request has no task/);
    await assert.rejects(replay(multiInferenceLog([task('predict')], [ONE])), /none of MultiInference's/);
    const unknown = classifyLog({ modelSpec: { signatureName: 'other' }, examples: [ONE] });
    await assert.rejects(replay(unknown), /model "m" version 7 has no signature "other"/);
    await assert.rejects(
      replay(bytesField(3, bytesField(1, 'no protobuf'))),
      /RegressionRequest is not valid protobuf/,
    );
  });
});

describe('a golden record of a method on examples', () => {
  it('passes when the answer is the recorded one, within the tolerance', async () => {
    const { check } = harness();
    await check(classifyLog(CLASSIFY, CLASSES));
    await check(regressLog(REGRESS, [ONE_BYTES * 1.00005, TWO_BYTES]));
    const tasks = [task('regress', { signatureName: 'regress' }), task('classify')];
    await check(multiInferenceLog(tasks, [ONE, TWO], [regressionOf(ONE_BYTES, TWO_BYTES), classificationOf(CLASSES)]));
  });

  it('has NaN where it was, and passes only there', async () => {
    const nan = harness(
      undefined,
      ({ outputs }) => new Map(outputs.map((name) => [name, numericTensor('float32', [1], Float32Array.of(NaN))])),
    );
    await nan.check(regressLog({ ...REGRESS, examples: [ONE] }, [NaN]));
    await assert.rejects(nan.check(regressLog({ ...REGRESS, examples: [ONE] }, [1])), /is NaN, but 1 was recorded/);
  });

  const [SMALL, BIG] = CLASSES;
  const DIFFERENT: readonly [what: string, record: Uint8Array, says: RegExp][] = [
    [
      'another label',
      classifyLog(CLASSIFY, [
        SMALL,
        [
          ['huge', TWO_BYTES],
          ['', 0],
        ],
      ]),
      /^the answer differs at example 1, class 0: the label is "big", but "huge" was recorded$/,
    ],
    [
      'another score',
      classifyLog(CLASSIFY, [
        [
          ['small', ONE_BYTES + 1],
          ['', 0],
        ],
        BIG,
      ]),
      /^the answer differs at example 0, class 0: the score of "small" is 17, but 18 was recorded$/,
    ],
    [
      'a score of no label',
      classifyLog(CLASSIFY, [
        SMALL,
        [
          ['big', TWO_BYTES],
          ['', 0.5],
        ],
      ]),
      /example 1, class 1: the score is 0, but 0\.5 was recorded$/,
    ],
    ['fewer classes', classifyLog(CLASSIFY, [SMALL, [['big', TWO_BYTES]]]), /example 1: it has 2 classes, but 1 were/],
    ['fewer examples', classifyLog(CLASSIFY, [SMALL]), /is of 2 examples, but of 1 was recorded/],
    ['another value', regressLog(REGRESS, [ONE_BYTES, 5]), /differs at example 1: the value is 21, but 5 was recorded/],
    ['more values', regressLog(REGRESS, [1, 2, 3]), /is of 2 examples, but of 3 was recorded/],
    [
      'a task whose value is another',
      multiInferenceLog(
        [task('classify'), task('regress', { signatureName: 'regress' })],
        [ONE, TWO],
        [classificationOf(CLASSES), regressionOf(ONE_BYTES, 5)],
      ),
      /^the result of task 1 \(signature "regress"\) differs at example 1: the value is 21, but 5/,
    ],
    [
      'a task of the other kind',
      multiInferenceLog([task('classify')], [ONE], [regressionOf(1)]),
      /task 0 \(signature "serving_default"\) is a classification, but a regression was recorded/,
    ],
    ['a task without a result', multiInferenceLog([task('classify')], [ONE], [{}]), /but none was recorded/],
    ['fewer tasks', multiInferenceLog([task('classify')], [ONE], []), /the answer has 1 results, but 0 were recorded/],
  ];

  for (const [what, record, says] of DIFFERENT) {
    it(`fails over ${what}, naming where`, async () => {
      await assert.rejects(harness().check(record), ({ message }: Error) => {
        assert.match(message, says);
        return true;
      });
    });
  }

  it('without an answer, or with one that is none, is refused', async () => {
    const { check } = harness();
    await assert.rejects(check(classifyLog(CLASSIFY)), /no answer to compare with/);
    const broken = bytesField(3, Buffer.concat([bytesField(1, regressRequest()), bytesField(2, Buffer.of(0xff))]));
    await assert.rejects(check(broken), /RegressionResponse is not valid protobuf/);
  });

  it('reads an answer that stands in several parts as one', async () => {
    const part = (value: number): Buffer => {
      const bits = Buffer.from(Float32Array.of(value).buffer);
      return bytesField(1, bytesField(1, Buffer.concat([Buffer.of(0x0d), bits])));
    };
    const response = Buffer.concat([part(ONE_BYTES), part(TWO_BYTES)]);
    const { check } = harness();
    await check(bytesField(3, Buffer.concat([bytesField(1, regressRequest()), bytesField(2, response)])));
  });

  it('cannot make a few bytes into many objects', async () => {
    const rows = Buffer.concat(Array.from({ length: 1000 }, () => bytesField(1, '')));
    const response = bytesField(2, bytesField(1, rows));
    await assert.rejects(
      harness().check(bytesField(3, Buffer.concat([bytesField(1, regressRequest()), response]))),
      (error) => error instanceof ServingError && error.kind === 'too_large',
    );
  });
});

function regressRequest(): Uint8Array {
  return readPredictionLog(regressLog(REGRESS)).request;
}
