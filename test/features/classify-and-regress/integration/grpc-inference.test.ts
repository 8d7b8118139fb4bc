/** Classify, Regress and MultiInference over gRPC: order of checks, codes, and what the model's answers must be. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { status as Status } from '@grpc/grpc-js';
import type { Signature } from '../../../../src/core/signature.ts';
import { numericTensor, type StringTensor, stringTensor, type Tensor } from '../../../../src/core/tensor.ts';
import { eachEngine as test } from '../../../support/grpc-engines.ts';
import { type Answer, PREDICTION, withGrpc } from '../../../support/grpc-harness.ts';
import { JumpClock } from '../../../support/jump-clock.ts';
import { type Behaviour, never, type PuppetDirectory, signature, spec } from '../../../support/puppet-models.ts';

const EXAMPLES = { inputs: spec('string', [-1], 'examples:0') };
const CLASSIFY: Signature = signature(EXAMPLES, {
  classes: spec('string', [-1, -1]),
  scores: spec('float32', [-1, -1]),
});
const SCORES: Signature = signature(EXAMPLES, { scores: spec('float32', [-1, -1]) });
const REGRESS: Signature = signature(EXAMPLES, { outputs: spec('float32', [-1, 1]) });
const SIGNATURES = {
  serving_default: CLASSIFY,
  scores: SCORES,
  regress: REGRESS,
  tensors: signature({ x: spec('float32', [-1]) }, { scores: spec('float32', [-1, -1]) }),
  two: signature({ ...EXAMPLES, more: spec('string', [-1]) }, { outputs: spec('float32', [-1]) }),
  other: signature(EXAMPLES, { y: spec('float32', [-1, 2]) }),
};

/** Two classes an example: its bytes' length and 0.25. A regression is the length alone. */
const lengths: Behaviour = ({ inputs, outputs }) => {
  const { data } = inputs.get('inputs') as StringTensor;
  const n = data.length;
  const scores = Float32Array.from({ length: 2 * n }, (_, i) => (i % 2 === 0 ? data[i / 2]!.length : 0.25));
  const given: Record<string, Tensor> = {
    scores: numericTensor('float32', [n, 2], scores),
    classes: stringTensor(
      [n, 2],
      Array.from({ length: 2 * n }, (_, i) => Buffer.from(i % 2 === 0 ? 'length' : '')),
    ),
    outputs: numericTensor(
      'float32',
      [n, 1],
      Float32Array.from(data, (bytes) => bytes.length),
    ),
  };
  return new Map(outputs.map((name) => [name, given[name]!]));
};

function add(models: PuppetDirectory, behave: Behaviour = lengths): void {
  models.add('m', { signatures: SIGNATURES, behave, version: 3n });
}

const feature = (...value: readonly number[]) => ({ features: { feature: { x: { float_list: { value } } } } });
const ONE = feature(1);
const list = (...examples: readonly object[]) => ({ example_list: { examples } });
const spec3 = (signature_name?: string) => ({ name: 'm', ...(signature_name !== undefined && { signature_name }) });

test('Classify gives labels and scores of every example, and says which version answered', async () => {
  await withGrpc(add, async (server) => {
    const answer = await server.call(PREDICTION, 'Classify', { model_spec: spec3(), input: list(ONE, feature(1, 2)) });
    const rows = answer.result.classifications.map(({ classes }: Answer) =>
      classes.map(({ label, score }: Answer) => [label, score]),
    );
    assert.deepEqual(rows, [
      [
        ['length', 17],
        ['', 0.25],
      ],
      [
        ['length', 21],
        ['', 0.25],
      ],
    ]);
    assert.deepEqual([answer.model_spec.version.value, answer.model_spec.signature_name], ['3', 'serving_default']);
    const record = await server.record(1);
    assert.deepEqual([record.method, record.rows, record.outcome], ['Classify', 2, 'ok']);
    const bare = await server.call(PREDICTION, 'Classify', { model_spec: spec3('scores'), input: list(ONE) });
    assert.deepEqual(bare.result.classifications[0].classes[0], { label: '', score: 17 });
  });
});

test('Regress gives one value an example', async () => {
  await withGrpc(add, async (server) => {
    const request = { model_spec: spec3('regress'), input: list(ONE, feature(1, 2)) };
    const answer = await server.call(PREDICTION, 'Regress', request);
    assert.deepEqual(answer.result.regressions, [{ value: 17 }, { value: 21 }]);
    assert.equal(answer.model_spec.signature_name, 'regress');
  });
});

test('the context stands in front of each example, and alone is no input', async () => {
  await withGrpc(add, async (server) => {
    const input = { example_list_with_context: { examples: [ONE, ONE], context: feature(1, 2) } };
    const answer = await server.call(PREDICTION, 'Regress', { model_spec: spec3('regress'), input });
    assert.deepEqual(answer.result.regressions, [{ value: 38 }, { value: 38 }]);
    const alone = { example_list_with_context: { examples: [], context: ONE } };
    const error = await server.failure(PREDICTION, 'Regress', { model_spec: spec3('regress'), input: alone });
    assert.equal(error.code, Status.INVALID_ARGUMENT);
    assert.match(error.details, /^Input is empty/);
  });
});

const REFUSED: readonly [method: string, request: object, code: Status, says: RegExp][] = [
  ['Classify', { input: list(ONE) }, Status.INVALID_ARGUMENT, /Missing ModelSpec: ClassificationRequest/],
  ['Regress', {}, Status.INVALID_ARGUMENT, /Missing ModelSpec: RegressionRequest/],
  ['Classify', { model_spec: {}, input: list(ONE) }, Status.INVALID_ARGUMENT, /model_spec.name is empty/],
  ['Classify', { model_spec: { name: 'x' } }, Status.NOT_FOUND, /x/],
  ['Classify', { model_spec: spec3('none') }, Status.INVALID_ARGUMENT, /has no signature "none"; it has: "serving_def/],
  // The signature is looked at before the input.
  [
    'Classify',
    { model_spec: spec3('tensors') },
    Status.INVALID_ARGUMENT,
    /takes no examples.*"x" of float32; name one/,
  ],
  ['Regress', { model_spec: spec3('two') }, Status.INVALID_ARGUMENT, /takes no examples.*the 2 inputs/],
  ['Classify', { model_spec: spec3('other') }, Status.INVALID_ARGUMENT, /does not classify: its outputs are "y"/],
  ['Regress', { model_spec: spec3('scores') }, Status.INVALID_ARGUMENT, /does not regress: its outputs are "scores"/],
  ['Classify', { model_spec: spec3() }, Status.INVALID_ARGUMENT, /^Input is empty/],
];

for (const [method, request, code, says] of REFUSED) {
  test(`${method} refuses ${JSON.stringify(request)}`, async () => {
    await withGrpc(add, async (server) => {
      const error = await server.failure(PREDICTION, method, request);
      assert.equal(error.code, code, error.details);
      assert.match(error.details, says);
    });
  });
}

const floats = (shape: readonly number[], count: number): Tensor =>
  numericTensor('float32', shape, new Float32Array(count));
const RESULTS: readonly [method: string, signature: string, name: string, tensor: Tensor, says: RegExp][] = [
  ['Classify', 'scores', 'scores', floats([1], 1), /gave "scores" as \[1\] for 1 examples, but Classify wants \[1,cl/],
  ['Classify', 'scores', 'scores', floats([2, 1], 2), /gave "scores" as \[2,1\] for 1 examples/],
  ['Classify', 'scores', 'scores', numericTensor('int32', [1, 1], Int32Array.of(1)), /as int32, but Classify wants fl/],
  ['Regress', 'regress', 'outputs', floats([1, 2], 2), /gave "outputs" as \[1,2\] for 1 examples, but Regress wants/],
  ['Regress', 'regress', 'outputs', floats([2], 2), /gave "outputs" as \[2\] for 1 examples/],
  ['Regress', 'regress', 'outputs', numericTensor('float64', [1], Float64Array.of(1)), /as float64, but Regress/],
];

for (const [method, name, output, tensor, says] of RESULTS) {
  test(`${method} refuses an answer that is ${tensor.dtype} [${tensor.shape}]`, async () => {
    await withGrpc(
      (models) => add(models, () => new Map([[output, tensor]])),
      async (server) => {
        const error = await server.failure(PREDICTION, method, { model_spec: spec3(name), input: list(ONE) });
        assert.equal(error.code, Status.INVALID_ARGUMENT, error.details);
        assert.match(error.details, says);
      },
    );
  });
}

test('classes and scores of different numbers are refused', async () => {
  const behave: Behaviour = () =>
    new Map<string, Tensor>([
      ['classes', stringTensor([1, 1], [Buffer.from('a')])],
      ['scores', floats([1, 2], 2)],
    ]);
  await withGrpc(
    (models) => add(models, behave),
    async (server) => {
      const error = await server.failure(PREDICTION, 'Classify', { model_spec: spec3(), input: list(ONE) });
      assert.match(error.details, /gave 1 classes an example, but 2 scores/);
    },
  );
});

const task = (signature_name: string, method: string, name = 'm') => ({
  model_spec: { name, signature_name },
  method_name: `tensorflow/serving/${method}`,
});

test('MultiInference answers every task in its order, each with its own spec', async () => {
  await withGrpc(add, async (server) => {
    const tasks = [task('regress', 'regress'), task('', 'classify')];
    const answer = await server.call(PREDICTION, 'MultiInference', { tasks, input: list(ONE) });
    const [first, second] = answer.results;
    assert.deepEqual(first.regression_result.regressions, [{ value: 17 }]);
    assert.equal(second.classification_result.classifications[0].classes[0].label, 'length');
    assert.deepEqual(
      [first, second].map(({ model_spec }: Answer) => [model_spec.version.value, model_spec.signature_name]),
      [
        ['3', 'regress'],
        ['3', 'serving_default'],
      ],
    );
    assert.deepEqual((({ method, rows }) => [method, rows])(await server.record(1)), ['MultiInference', 1]);
  });
});

const MULTI: readonly [what: string, request: object, code: Status, says: RegExp][] = [
  ['no task', { input: list(ONE) }, Status.INVALID_ARGUMENT, /ModelSpec has no name specified/],
  ['a first task without a spec', { tasks: [{}] }, Status.INVALID_ARGUMENT, /the first task has no model_spec/],
  [
    'a later task without a name',
    { tasks: [task('regress', 'regress'), { method_name: 'tensorflow/serving/regress' }] },
    Status.INVALID_ARGUMENT,
    /model_spec.name of task 1 is empty; send "m"/,
  ],
  [
    'another model',
    { tasks: [task('regress', 'regress'), task('scores', 'classify', 'n')] },
    Status.INVALID_ARGUMENT,
    /task 1 asks for the model "n", but the first for "m"/,
  ],
  [
    'a signature twice',
    { tasks: [task('regress', 'regress'), task('regress', 'regress')] },
    Status.INVALID_ARGUMENT,
    /two tasks evaluate the signature "regress"/,
  ],
  ['an unknown signature', { tasks: [task('none', 'regress')] }, Status.INVALID_ARGUMENT, /no signature "none"/],
  [
    'another method',
    { tasks: [task('regress', 'predict')] },
    Status.UNIMPLEMENTED,
    /"tensorflow\/serving\/predict" is none of MultiInference's/,
  ],
  ['no example', { tasks: [task('regress', 'regress')] }, Status.INVALID_ARGUMENT, /^Input is empty/],
];

for (const [what, request, code, says] of MULTI) {
  test(`MultiInference refuses ${what}`, async () => {
    await withGrpc(add, async (server) => {
      const error = await server.failure(PREDICTION, 'MultiInference', request);
      assert.equal(error.code, code, error.details);
      assert.match(error.details, says);
    });
  });
}

test('few bytes cannot ask for many copies of a context, nor for many examples', async () => {
  await withGrpc(add, async (server) => {
    const context = feature(...new Array<number>(4096).fill(1));
    const examples = new Array<object>(100).fill({});
    const input = { example_list_with_context: { examples, context } };
    const many = await server.failure(PREDICTION, 'Classify', { model_spec: spec3(), input });
    assert.equal(many.code, Status.RESOURCE_EXHAUSTED);
    assert.match(many.details, /more than the 1048576 bytes/);
    const empty = { example_list: { examples: new Array<object>(100_000).fill({}) } };
    const tiny = await server.failure(PREDICTION, 'Classify', { model_spec: spec3(), input: empty });
    assert.equal(tiny.code, Status.RESOURCE_EXHAUSTED);
  });
});

for (const method of ['Classify', 'MultiInference']) {
  test(`a deadline ends ${method} while it runs`, async () => {
    const clock = new JumpClock();
    let isRunning = false;
    const run: Behaviour = (request) => {
      isRunning = true;
      return never(request);
    };
    await withGrpc(
      (models) => add(models, run),
      async (server) => {
        const request = { model_spec: spec3(), tasks: [task('', 'classify')], input: list(ONE) };
        const failure = server.failure(PREDICTION, method, request, { deadlineMs: 3_600_000 });
        await server.until(() => isRunning);
        clock.jump(3_600_000);
        assert.equal((await failure).code, Status.DEADLINE_EXCEEDED);
        assert.equal((await server.record(1)).outcome, 'deadline_exceeded');
      },
      { clock, maxTimeoutMs: 7_200_000 },
    );
  });
}

test('Predict fills in the inputs that have a default, a row for each of the others', async () => {
  const defaults = new Map<string, Tensor>([['b', numericTensor('float32', [1], Float32Array.of(9))]]);
  const inputs = { a: spec('float32', [-1]), b: spec('float32', [-1]) };
  const signatures = { serving_default: { ...signature(inputs, { x: spec('float32', [-1]), y: inputs.b }), defaults } };
  await withGrpc(
    (models) => models.add('m', { signatures }),
    async (server) => {
      const a = { dtype: 'DT_FLOAT', tensor_shape: { dim: [{ size: 3 }] }, float_val: [1, 2, 3] };
      const answer = await server.call(PREDICTION, 'Predict', { model_spec: { name: 'm' }, inputs: { a } });
      assert.deepEqual(answer.outputs.y.float_val, [9, 9, 9]);
      const missing = await server.failure(PREDICTION, 'Predict', { model_spec: { name: 'm' }, inputs: { b: a } });
      assert.match(missing.details, /with defaults: "b"; missing: "a"/);
      const surplus = await server.failure(PREDICTION, 'Predict', { model_spec: { name: 'm' }, inputs: { a, z: a } });
      assert.match(surplus.details, /unknown: "z"/);
      const metadata = await server.call(PREDICTION, 'GetModelMetadata', {
        model_spec: { name: 'm' },
        metadata_field: ['signature_def'],
      });
      assert.ok(metadata.metadata.signature_def.value.includes(Buffer.from(Float32Array.of(9).buffer)));
    },
  );
});
