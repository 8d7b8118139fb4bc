/** Graph and layers models of TensorFlow.js: signatures, answers, and leaks. */
import assert from 'node:assert/strict';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { openTfjs } from '../../../src/backends/tfjs/tfjs-library.ts';
import type { ServingError } from '../../../src/core/errors.ts';
import type { Tensor } from '../../../src/core/tensor.ts';
import { tempDirectory } from '../../support/temp-directory.ts';
import { DIGITS_MODELS, floats, loadTfjs, numbersOf, runAll, strings } from './tfjs-models.ts';

interface Answer {
  readonly digit: number;
  readonly probabilities: readonly number[];
}

const SCANS = JSON.parse(readFileSync('examples/digits/scans.json', 'utf8')) as { pixels: number[] }[];
const ANSWERS = JSON.parse(readFileSync('examples/digits/expected_tensorflow.json', 'utf8')) as Answer[];
const PIXELS = floats(
  SCANS.flatMap(({ pixels }) => pixels),
  [SCANS.length, 64],
);

describe('a graph model', () => {
  it('reads digits as TensorFlow does', async (t) => {
    const session = await loadTfjs(t, `${DIGITS_MODELS}/digits_tfjs/1`);
    const { inputs, outputs, batchAxis } = session.signatures.get('serving_default')!;
    assert.deepEqual(inputs.get('pixels'), { dtype: 'float32', shape: [-1, 64], tensorName: 'pixels' });
    // TensorFlow.js has no int64.
    assert.deepEqual(outputs.get('digit'), { dtype: 'int32', shape: [-1], tensorName: 'digit' });
    assert.deepEqual(batchAxis, { kind: 'dynamic' });
    const { digit, probabilities } = await runAll(session, { pixels: PIXELS });
    assert.deepEqual(
      numbersOf(digit),
      ANSWERS.map((answer) => answer.digit),
    );
    assertClose(probabilities);
  });

  it('may have control flow, and answers in order then', async (t) => {
    const session = await loadTfjs(t, written(t, WHERE));
    assert.equal(session.runSync, undefined);
    const runs = [[true, false, true], [], [false, true]].map((flags) => runAll(session, { flags: bools(flags) }));
    const places = (await Promise.all(runs)).map(({ places }) => [numbersOf(places), places!.shape]);
    assert.deepEqual(places, [
      [
        [0, 2],
        [2, 1],
      ],
      [[], [0, 1]],
      [[1], [1, 1]],
    ]);
  });

  it('takes and gives strings as bytes', async (t) => {
    const session = await loadTfjs(t, written(t, COPY_OF_STRINGS));
    const x = strings(['', 'é', new Uint8Array([0, 255, 1]), 'a string of more than twenty-two bytes']);
    for (let i = 0; i < 2; i++) assert.deepEqual((await runAll(session, { x }))['y']!.data, x.data.map(plain));
  });
});

describe('a layers model', () => {
  it('reads digits as TensorFlow does', async (t) => {
    const session = await loadTfjs(t, `${DIGITS_MODELS}/digits_layers/1`);
    assert.deepEqual(session.signatures.get('serving_default')!.batchAxis, { kind: 'dynamic' });
    assertClose((await runAll(session, { hidden_input: PIXELS }))['probabilities']);
  });
});

describe('a model of TensorFlow.js', () => {
  it('leaves no tensor behind, whether runs succeed or fail, nor when it is closed', async (t) => {
    const tf = openTfjs(1);
    const before = tf.memory().numTensors;
    for (const [name, input] of [
      ['digits_tfjs', 'pixels'],
      ['digits_layers', 'hidden_input'],
    ] as const) {
      const session = await loadTfjs(t, `${DIGITS_MODELS}/${name}/1`);
      const loaded = tf.memory().numTensors;
      for (let i = 0; i < 20; i++) await runAll(session, { [input]: PIXELS });
      assert.equal(tf.memory().numTensors, loaded, name);
      await session.close();
    }
    const where = await loadTfjs(t, written(t, WHERE));
    for (let i = 0; i < 20; i++) await runAll(where, { flags: bools([true]) });
    const failing = await loadTfjs(t, written(t, RESHAPE));
    for (let i = 0; i < 20; i++) {
      await assertRejects(runAll(failing, { x: floats([1, 2, 3]) }), 'backend_failed', /TensorFlow: /);
    }
    await Promise.all([where.close(), failing.close()]);
    assert.equal(tf.memory().numTensors, before);
  });

  it('is refused with its file and the reason', async (t) => {
    const noShard = tempDirectory(t);
    cpSync(`${DIGITS_MODELS}/digits_tfjs/1`, noShard, { recursive: true });
    rmSync(join(noShard, 'group1-shard1of1.bin'));
    await assertRejects(loadTfjs(t, noShard), 'load_failed', /model\.json": .*group1-shard1of1\.bin/);
    const cases: [unknown, RegExp][] = [
      ['{', /model\.json": it is no JSON/],
      [null, /"modelTopology" is missing/],
      [{ modelTopology: {}, format: 'tflite' }, /format "tflite" is not known/],
      [graph(['x', 'DT_COMPLEX64'], ['y', 'DT_FLOAT'], 'Identity'), /"x" is DT_COMPLEX64/],
      [graph(['x', 'DT_FLOAT'], ['y', 'DT_FLOAT'], 'NoSuchOp'), /NoSuchOp/],
    ];
    for (const [json, text] of cases) {
      await assertRejects(loadTfjs(t, written(t, json)), 'load_failed', text);
    }
  });
});

type JsonInfo = readonly [name: string, dtype: string];

/** A graph of one operation on one vector. */
function graph(input: JsonInfo, output: JsonInfo, op: string, extra: readonly object[] = []): object {
  const dim = [{ size: '-1' }];
  const info = ([name, dtype]: JsonInfo): object => ({ [name]: { name: `${name}:0`, dtype, tensorShape: { dim } } });
  const placeholder = { dtype: { type: input[1] }, shape: { shape: { dim } } };
  const inputs = [input[0], ...extra.map((node) => (node as { name: string }).name)];
  const node = [
    { name: input[0], op: 'Placeholder', attr: placeholder },
    ...extra,
    { name: output[0], op, input: inputs, attr: { T: { type: input[1] } } },
  ];
  const signature = { inputs: info(input), outputs: info(output) };
  return {
    format: 'graph-model',
    modelTopology: { node, versions: { producer: 1882 } },
    signature,
    weightsManifest: [],
  };
}

const WHERE = graph(['flags', 'DT_BOOL'], ['places', 'DT_INT64'], 'Where');
const COPY_OF_STRINGS = graph(['x', 'DT_STRING'], ['y', 'DT_STRING'], 'Identity');
/** A reshape that only an even number of elements allows. */
const RESHAPE = {
  ...graph(['x', 'DT_FLOAT'], ['y', 'DT_FLOAT'], 'Reshape', [
    { name: 'pairs', op: 'Const', attr: { dtype: { type: 'DT_INT32' } } },
  ]),
  weightsManifest: [{ paths: ['pairs.bin'], weights: [{ name: 'pairs', shape: [2], dtype: 'int32' }] }],
};

function written(t: TestContext, json: unknown): string {
  const directory = tempDirectory(t);
  writeFileSync(join(directory, 'model.json'), typeof json === 'string' ? json : JSON.stringify(json));
  writeFileSync(join(directory, 'pairs.bin'), new Uint8Array(Int32Array.of(-1, 2).buffer));
  return directory;
}

function bools(flags: readonly boolean[]): Tensor {
  return { dtype: 'bool', shape: [flags.length], data: Uint8Array.from(flags, Number) };
}

function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes);
}

/** TensorFlow.js composes Softmax of other kernels, so its last bits differ. */
function assertClose(probabilities: Tensor | undefined): void {
  const expected = ANSWERS.flatMap((answer) => answer.probabilities);
  const difference = numbersOf(probabilities).map((value, i) => Math.abs(Number(value) - expected[i]!));
  assert.equal(difference.length, expected.length);
  assert.ok(Math.max(...difference) < 3e-7, `differs by ${Math.max(...difference)}`);
}

async function assertRejects(promise: Promise<unknown>, kind: string, text: RegExp): Promise<void> {
  await assert.rejects(promise, (error: ServingError) => {
    assert.equal(error.kind, kind, String(error.stack));
    assert.match(error.message, text);
    return true;
  });
}
