/** Serves SavedModels that Python's TensorFlow has written: all signatures, with bit-identical answers. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { cpSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { describe, it } from 'node:test';
import { loadOptionsOf } from '../../../src/backends/load-options.ts';
import { backend } from '../../../src/backends/tfjs/tfjs-backend.ts';
import type { ServingError } from '../../../src/core/errors.ts';
import { savedModel, shapeAttr, type TfModel, type TfSignature, typeAttr } from '../../support/saved-model.ts';
import { tempDirectory } from '../../support/temp-directory.ts';
import {
  DIGITS_MODELS,
  expectedOfFixtures,
  FIXTURES,
  floatExample,
  floats,
  int64s,
  loadTfjs,
  numbersOf,
  runAll,
  strings,
  textsOf,
} from './tfjs-models.ts';

const expected = expectedOfFixtures();
const HALF_PLUS_TWO = `${FIXTURES}/half_plus_two/1`;
const MODULE = `${FIXTURES}/module/1`;

describe('a SavedModel', () => {
  it("gives Python TensorFlow's numbers, by tensors and by examples", async (t) => {
    const session = await loadTfjs(t, HALF_PLUS_TWO);
    const { y } = await runAll(session, { x: floats(expected.x, [expected.x.length, 1]) });
    assert.deepEqual(numbersOf(y), expected.y);
    const inputs = strings(expected.x.map((x) => floatExample({ x: [x], x2: [2 * x] })));
    for (const [name, values] of Object.entries(expected.by_example)) {
      const [answer] = Object.values(await runAll(session, { inputs }, name));
      assert.deepEqual([numbersOf(answer), answer!.shape], [values, [values.length, 1]], name);
    }
  });

  it('has the method names and batch axes of its signatures', async (t) => {
    const { signatures } = await loadTfjs(t, HALF_PLUS_TWO);
    const methods = [...signatures].map(([name, { methodName }]) => [name, methodName.replace(/.*\//, '')]);
    assert.deepEqual(Object.fromEntries(methods), {
      serving_default: 'predict',
      classify_x_to_y: 'classify',
      regress_x_to_y: 'regress',
      regress_x_to_y2: 'regress',
      regress_x2_to_y3: 'regress',
    });
    for (const { batchAxis } of signatures.values()) assert.equal(batchAxis.kind, 'dynamic');
  });

  it('reads digits as Python TensorFlow does, and labels them', async (t) => {
    const scans = JSON.parse(readFileSync('examples/digits/scans.json', 'utf8')) as { pixels: number[] }[];
    const answers = JSON.parse(readFileSync('examples/digits/expected_tensorflow.json', 'utf8')) as {
      digit: number;
      probabilities: number[];
    }[];
    const session = await loadTfjs(t, `${DIGITS_MODELS}/digits_tensorflow/1`);
    const pixels = floats(
      scans.flatMap((scan) => scan.pixels),
      [scans.length, 64],
    );
    const read = await runAll(session, { pixels });
    assert.deepEqual(
      numbersOf(read['digit']).map(Number),
      answers.map(({ digit }) => digit),
    );
    assert.deepEqual(
      numbersOf(read['probabilities']),
      answers.flatMap(({ probabilities }) => probabilities),
    );
    const inputs = strings(scans.map((scan) => floatExample({ pixels: scan.pixels })));
    const classified = await runAll(session, { inputs }, 'classify');
    assert.deepEqual(numbersOf(classified['scores']), numbersOf(read['probabilities']));
    assert.deepEqual(textsOf(classified['classes']).slice(0, 10), ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']);
  });

  it('takes and gives 64-bit integers, text and bytes exactly', async (t) => {
    const session = await loadTfjs(t, MODULE);
    const { n } = await runAll(session, { n: int64s(expected.n.map(BigInt)) }, 'add_one');
    assert.deepEqual(numbersOf(n).map(String), expected.n_plus_one);
    const text = await runAll(session, { text: strings(expected.text) }, 'reverse');
    assert.deepEqual([textsOf(text['joined']), numbersOf(text['bytes'])], [expected.joined, expected.bytes]);
    const { joined } = await runAll(session, { text: strings([Buffer.from([0, 255])]) }, 'reverse');
    assert.deepEqual(joined!.data, [new Uint8Array([0, 255, 0x7c, 0, 255])]);
    for (let i = 0; i < 3; i++) {
      const { name } = await runAll(session, { n: int64s([0n, 1n, 2n]) }, 'name');
      assert.deepEqual(textsOf(name), expected.names);
    }
  });

  it('serves what it can, and says of the rest what is in the way', async (t) => {
    const { signatures, warnings } = await loadTfjs(t, MODULE);
    assert.deepEqual([...signatures.keys()].sort(), ['add_one', 'name', 'reverse', 'scaled']);
    assert.deepEqual(warnings, [
      'signature "sparse" is not served: output "rows" is a sparse, ragged or other composite tensor',
      'signature "wave" is not served: output "wave" is DT_COMPLEX64, which cannot be exchanged',
    ]);
  });

  it('has the defaults of its signatures', async (t) => {
    const { signatures } = await loadTfjs(t, MODULE);
    const { defaults, batchAxis } = signatures.get('scaled')!;
    assert.deepEqual([...defaults!.keys()], ['scale']);
    assert.deepEqual([numbersOf(defaults!.get('scale')), batchAxis.kind], [[2.5], 'none']);
    assert.equal(signatures.get('name')?.defaults, undefined);
  });

  it('blames the request for what the graph cannot parse', async (t) => {
    const session = await loadTfjs(t, HALF_PLUS_TWO);
    const run = runAll(session, { inputs: strings(['no example']) }, 'classify_x_to_y');
    await assertRejects(run, 'invalid_request', /Could not parse example input.*no example/);
    const { scores } = await runAll(session, { inputs: strings([floatExample({ x: [1] })]) }, 'classify_x_to_y');
    assert.deepEqual(numbersOf(scores), [2.5]);
  });
});

describe('a SavedModel that cannot be served', () => {
  it('is refused with the reason of every signature', async (t) => {
    const x = { name: 'x:0', dtype: 8, shape: [-1] };
    const directory = written(t, { nodes: [], signatures: { a: { inputs: { x }, outputs: {} } } });
    await assertRejects(load(directory), 'load_failed', /no signature can be served.*"a".*"x" is DT_COMPLEX64/);
    await assertRejects(load(written(t, { nodes: [], signatures: {} })), 'load_failed', /it has none/);
  });

  it('is refused with its tags when none is for serving', async (t) => {
    const nodes = [{ name: 'x', op: 'Placeholder', attrs: { dtype: typeAttr('float32'), shape: shapeAttr([-1]) } }];
    const x = { name: 'x:0', dtype: 'float32', shape: [-1] } as const;
    const signatures: Record<string, TfSignature> = { serving_default: { inputs: { x }, outputs: { x } } };
    const bytes = [['train'], ['eval', 'gpu']].map((tags) => savedModel({ nodes, signatures, tags }));
    const directory = tempDirectory(t);
    writeFileSync(join(directory, 'saved_model.pb'), Buffer.concat(bytes));
    await assertRejects(load(directory), 'load_failed', /no graph with the tag "serve".*\{train\}, \{eval, gpu\}/);
    // The only graph is served, whatever its tag.
    await loadTfjs(t, written(t, { nodes, signatures, tags: ['train'] }));
  });

  it('is refused when its variables are cut off', async (t) => {
    const directory = tempDirectory(t);
    cpSync(HALF_PLUS_TWO, directory, { recursive: true });
    truncateSync(join(directory, 'variables', 'variables.data-00000-of-00001'), 3);
    await assertRejects(load(directory), 'load_failed', /saved_model\.pb": .*[Rr]ead less bytes/);
  });

  it('says which command to run where the libraries are not there', async (t) => {
    const own = process.env['PILLION_NATIVES_DIRECTORY'];
    t.after(() => {
      process.env['PILLION_NATIVES_DIRECTORY'] = own;
    });
    process.env['PILLION_NATIVES_DIRECTORY'] = tempDirectory(t);
    await assertRejects(load(HALF_PLUS_TWO), 'load_failed', /pillion natives tfjs/);
  });

  function written(t: Parameters<typeof tempDirectory>[0], model: TfModel): string {
    const directory = tempDirectory(t);
    writeFileSync(join(directory, 'saved_model.pb'), savedModel(model));
    return directory;
  }
});

function load(directory: string): Promise<unknown> {
  return backend.load(directory, loadOptionsOf({ intraOpThreads: 1, executionProvider: 'cpu' }));
}

async function assertRejects(promise: Promise<unknown>, kind: string, text: RegExp): Promise<void> {
  await assert.rejects(promise, (error: ServingError) => {
    assert.equal(error.kind, kind, String(error.stack));
    assert.match(error.message, text);
    return true;
  });
}
