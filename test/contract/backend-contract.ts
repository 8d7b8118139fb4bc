/**
 * What every backend must do, run for each backend directly and again inside each host, however batches
 * cross to it.
 *
 * A backend brings a `BackendUnderTest`: how to write it the few models that the suite needs, what they answer, and what
 * it cannot do.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import process from 'node:process';
import { describe, it, type TestContext } from 'node:test';
import type { DType } from '../../src/core/dtype.ts';
import type { ErrorKind, ServingError } from '../../src/core/errors.ts';
import { DEFAULT_SIGNATURE_NAME } from '../../src/core/signature.ts';
import type { Tensor, TensorMap } from '../../src/core/tensor.ts';
import { collectGarbage } from '../support/collect-garbage.ts';
import { tempDirectory } from '../support/temp-directory.ts';
import { closedAfter, type Loaded, type Placement, processPlacements, quickPlacements } from './backend-placements.ts';
import { type BackendUnderTest, Subject, type TestModel } from './backend-under-test.ts';
import { assertSameTensor, floats, misaligned, numericRows, stringRows } from './contract-tensors.ts';

/** npm run check sets this. It leaves to npm test what takes most of the time: a process for each model, and leaks. */
const isQuick = process.env['PILLION_TEST_QUICK'] !== undefined;

/** The suite. Call it at the top of a test file. */
export function backendContract(backend: BackendUnderTest): void {
  const { kind } = backend;
  const subject = new Subject(backend);
  const placements = [...quickPlacements(kind), ...(isQuick ? [] : processPlacements(kind))];
  for (const placement of placements) {
    describe(`backend ${kind.replace(/.*\//, '')}, ${placement.name}`, () => {
      testDTypes(subject, placement);
      testBatchAxes(subject, placement);
      testWrongCalls(subject, placement);
      testLifetime(subject, placement);
      testLeaks(subject, placement);
      testLoadErrors(subject, placement);
    });
  }
}

function testDTypes(subject: Subject, placement: Placement): void {
  for (const dtype of subject.refusedDTypes) {
    it(`refuses a model with a ${dtype} tensor and names it`, async (t) => {
      const model = subject.model(dtype, ['N', 2]);
      const names = [subject.input, ...model.outputs].join('|');
      await assertRejects(loadModel(t, subject, placement, model), 'load_failed', new RegExp(`"(${names})"`));
    });
  }
  for (const dtype of subject.backend.dtypes) {
    it(`answers ${dtype} bit by bit`, async (t) => {
      const model = await loadModel(t, subject, placement, subject.model(dtype, ['N', 3]));
      for (const data of rowsOf(subject, dtype))
        await assertAnswers(model, subject, { dtype, shape: [2, 3], data } as Tensor);
      const data = dtype === 'string' ? [] : new Uint8Array(0);
      await assertAnswers(model, subject, { dtype, shape: [0, 3], data } as Tensor);
    });
  }
  if (subject.backend.hasByteStrings || !subject.backend.dtypes.includes('string')) return;
  it('refuses string elements that are no text, with their place', async (t) => {
    const model = await loadModel(t, subject, placement, subject.model('string', ['N']));
    for (const bad of [Buffer.from([0xff, 0xfe]), Buffer.from('a\0b'), Buffer.from('é').subarray(0, 1)]) {
      const x: Tensor = { dtype: 'string', shape: [2], data: [Buffer.from('fine'), bad] };
      const text = new RegExp(`input "${subject.input}", element 1`);
      await assertRejects(model.run(subject.feed(x), subject.outputs.slice(0, 1)), 'invalid_request', text);
    }
  });
}

function rowsOf({ backend }: Subject, dtype: DType): readonly Tensor['data'][] {
  if (dtype === 'string') return stringRows(backend.hasByteStrings);
  return [numericRows(dtype), misaligned(numericRows(dtype))];
}

function testBatchAxes(subject: Subject, placement: Placement): void {
  for (const { dims, axis } of subject.axes) {
    it(`finds the batch axis of [${dims}]: ${axis.kind}`, async (t) => {
      const model = await loadModel(t, subject, placement, subject.model('float32', dims));
      assert.deepEqual(model.signatures.get(DEFAULT_SIGNATURE_NAME)?.batchAxis, axis);
    });
  }
}

function testWrongCalls(subject: Subject, placement: Placement): void {
  const { input, matrix } = subject;
  it('refuses a wrong dtype, input, output and signature, and goes on', async (t) => {
    const model = await loadModel(t, subject, placement, matrix);
    const good = floats([1, 2], 1, 2);
    const run = (inputs: TensorMap, outputs = matrix.outputs, signature?: string): Promise<TensorMap> =>
      model.run(inputs, outputs, signature);
    const feed = subject.feed(good);
    const wrong = subject.feed({ dtype: 'int32', shape: [1, 2], data: new Uint8Array(8) });
    await assertRejects(run(wrong), 'invalid_request', new RegExp(`"${input}" is int32; the model wants float32`));
    await assertRejects(run(new Map()), 'invalid_request', new RegExp(`"${input}" is missing`));
    await assertRejects(run(new Map([...feed, ['q', good]])), 'invalid_request', /no input "q"/);
    await assertRejects(run(feed, ['q']), 'invalid_request', /no output "q"/);
    await assertRejects(run(feed, matrix.outputs, 'other'), 'signature_not_found', /"other".*serving_default/);
    await assertAnswers(model, subject, good);
  });

  it('leaves a shape that is not declared to its runtime, and goes on', async (t) => {
    const model = await loadModel(t, subject, placement, matrix);
    for (const x of [floats([1, 3], 1, 2, 3), floats([2], 1, 2), floats([], 1), floats([1, 1, 2], 1, 2)]) {
      if (!subject.backend.refusesShapes) await assertAnswers(model, subject, x);
      else
        await assertRejects(
          model.run(subject.feed(x), matrix.outputs),
          'invalid_request',
          new RegExp(`\\b${input}\\b`),
        );
    }
    await assertAnswers(model, subject, floats([1, 2], 1, 2));
  });

  it('gives the outputs asked for, in that order', async (t) => {
    const model = await loadModel(t, subject, placement, { ...matrix, outputs: subject.outputs });
    const x = floats([1, 2], 1, 2);
    const wanted = [...new Set([subject.outputs.at(-1)!, subject.outputs[0]!])];
    const outputs = await model.run(subject.feed(x), wanted);
    assert.deepEqual([...outputs.keys()], wanted);
    for (const [name, output] of outputs) assertSameTensor(output, subject.answer(x, name));
    assert.equal((await model.run(subject.feed(x), [])).size, 0);
  });
}

function testLifetime(subject: Subject, placement: Placement): void {
  const { matrix } = subject;
  it('leaves the inputs as they were, and its outputs as they are', async (t) => {
    const model = await loadModel(t, subject, placement, matrix);
    const x = floats([1, 2], 1, 2);
    const first = (await model.run(subject.feed(x), matrix.outputs)).get(matrix.outputs[0]!);
    assertSameTensor(x, floats([1, 2], 1, 2));
    await model.run(subject.feed(floats([1, 2], 303, 4)), matrix.outputs);
    assertSameTensor(first, subject.answer(x));
  });

  it('keeps runs at the same time apart', async (t) => {
    const model = await loadModel(t, subject, placement, matrix);
    const inputs = [floats([1, 2], 1, 2), floats([2, 2], 303, 4, 505, 6)];
    await Promise.all(inputs.map((x) => assertAnswers(model, subject, x)));
  });

  it('gives back each its own rows when sizes and orders are mixed', async (t) => {
    const model = await loadModel(t, subject, placement, matrix);
    const inputs = [1, 200_000, 0, 3, 40_000, 200_000, 2, 500, 0, 1, 40_000].map((rows, i) =>
      floats([rows, 2], ...Array.from({ length: Math.min(2 * rows, 8) }, (_, k) => 100 * i + k)),
    );
    for (let start = 0; start < inputs.length; start += 2) {
      await Promise.all(inputs.slice(start, start + 2).map((x) => assertAnswers(model, subject, x)));
    }
  });

  it('finishes the run in progress when closed, and runs no more', async (t) => {
    const model = await loadModel(t, subject, placement, matrix);
    const x = floats([1, 2], 1, 2);
    const running = assertAnswers(model, subject, x);
    await Promise.all([model.close(), model.close()]);
    await running;
    await assertRejects(model.run(subject.feed(x), matrix.outputs), 'backend_failed', /unloaded/);
    await model.close();
  });
}

function testLeaks(subject: Subject, { open, leakCycles }: Placement): void {
  if (isQuick) return;
  it(`keeps no memory over ${leakCycles} loads`, async (t) => {
    const columns = 2 ** 18;
    const model: TestModel = { ...subject.matrix, dims: ['N', columns], isHeavy: true };
    const directory = modelDirectory(t, subject, model);
    const x: Tensor = { dtype: 'float32', shape: [1, columns], data: new Uint8Array(4 * columns) };
    const cycle = async (): Promise<void> => {
      const loaded = await open(directory);
      await loaded.run(subject.feed(x), model.outputs).finally(() => loaded.close());
    };
    const cycles = async (count: number): Promise<number> => {
      for (let i = 0; i < count; i++) await cycle();
      collectGarbage();
      return process.memoryUsage.rss();
    };
    const before = await cycles(Math.ceil(leakCycles / 5));
    const after = await cycles(leakCycles);
    // A session that stayed would leave a megabyte each time, a thread ten.
    assert.ok(after < 1.5 * before + 2 ** 26, `resident memory grew from ${before} to ${after} bytes`);
  });
}

function testLoadErrors(subject: Subject, { open }: Placement): void {
  it('names the file that it cannot open', async (t) => {
    const directory = tempDirectory(t);
    const file = subject.backend.writeCorruptModel(directory);
    await assertRejects(closedAfter(t, open)(directory), 'load_failed', new RegExp(file.replace('.', '\\.')));
  });

  it('refuses an execution provider that is not there', async (t) => {
    const directory = modelDirectory(t, subject, subject.matrix);
    const { missingProvider: executionProvider } = subject.backend;
    const load = closedAfter(t, open)(directory, { executionProvider });
    await assertRejects(load, 'load_failed', new RegExp(`"${executionProvider}".*cpu`));
  });

  it('refuses a parameter that it does not know, and names it', async (t) => {
    const directory = modelDirectory(t, subject, subject.matrix);
    const load = closedAfter(t, open)(directory, { parameters: new Map([['no_such_thing', 1]]) });
    await assertRejects(load, 'load_failed', /"no_such_thing"/);
  });
}

function modelDirectory(t: TestContext, { backend }: Subject, model: TestModel): string {
  const directory = tempDirectory(t);
  backend.writeModel(directory, model);
  return directory;
}

/** The model is closed after the test. */
function loadModel(t: TestContext, subject: Subject, { open }: Placement, model: TestModel): Promise<Loaded> {
  return closedAfter(t, open)(modelDirectory(t, subject, model));
}

/** The model's first output for x is what it should be. */
async function assertAnswers(model: Loaded, subject: Subject, x: Tensor): Promise<void> {
  const output = subject.outputs[0]!;
  assertSameTensor((await model.run(subject.feed(x), [output])).get(output), subject.answer(x));
}

async function assertRejects(promise: Promise<unknown>, kind: ErrorKind, text: RegExp): Promise<void> {
  await assert.rejects(promise, (error: ServingError) => {
    assert.equal(error.kind, kind, String(error.stack));
    assert.match(error.message, text);
    return true;
  });
}
