/**
 * `import { backendContract } from 'pillion/backend/contract'`: what every backend must do, run for each backend directly and again inside each host, however batches
 * cross to it.
 *
 * A backend brings a `BackendUnderTest`: how to write it the few models that the suite needs, what they answer, and what
 * it cannot do.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import process from 'node:process';
import { after, describe, it, type TestContext } from 'node:test';
import type { DType } from '../../core/dtype.ts';
import type { ErrorKind, ServingError } from '../../core/errors.ts';
import { shapeFits } from '../../core/shape.ts';
import { DEFAULT_SIGNATURE_NAME } from '../../core/signature.ts';
import type { StringTensor, Tensor, TensorMap } from '../../core/tensor.ts';
import {
  closedAfter,
  endAfterLateCalls,
  type Loaded,
  type Placement,
  processPlacements,
  quickPlacements,
} from './backend-placements.ts';
import { type BackendUnderTest, Subject, type TestModel } from './backend-under-test.ts';
import { collectGarbage } from './collect-garbage.ts';
import { assertSameTensor, misaligned, numericRows, stringRows, tensorOf } from './contract-tensors.ts';
import { tempDirectory } from './temp-directory.ts';

export type { AxisCase, BackendUnderTest, TestModel } from './backend-under-test.ts';

/** Leaves out what takes most of the time: a process for each model, and leaks. `npm run check` sets it. */
const isQuick = process.env['PILLION_TEST_QUICK'] !== undefined;

/** The suite. Call it at the top of a test file. */
export function backendContract(backend: BackendUnderTest): void {
  const { kind, module = kind } = backend;
  const subject = new Subject(backend);
  after(endAfterLateCalls);
  const placements = [...quickPlacements(module), ...(isQuick ? [] : processPlacements(module))];
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
      const model = subject.model(dtype, subject.dims);
      const names = [subject.input, ...model.outputs].join('|');
      await assertRejects(loadModel(t, subject, placement, model), 'load_failed', new RegExp(`"(${names})"`));
    });
  }
  for (const dtype of subject.backend.dtypes) {
    it(`answers ${dtype} bit by bit`, async (t) => {
      const model = await loadModel(t, subject, placement, subject.model(dtype, subject.dims));
      for (const x of awkwardInputs(subject, dtype)) await assertAnswers(model, subject, x);
      await assertAnswers(model, subject, tensorOf(dtype, [0, ...subject.row], []));
    });
  }
  if (subject.backend.hasByteStrings || !subject.backend.dtypes.includes('string')) return;
  it('refuses string elements that are no text, with their place', async (t) => {
    const model = await loadModel(t, subject, placement, subject.model('string', subject.dims));
    for (const bad of [Buffer.from([0xff, 0xfe]), Buffer.from('a\0b'), Buffer.from('é').subarray(0, 1)]) {
      const x = tensorOf('string', [2, ...subject.row], []) as StringTensor;
      (x.data as Uint8Array[])[1] = bad;
      const text = new RegExp(`input "${subject.input}", element 1`);
      await assertRejects(model.run(subject.feed(x), subject.outputs.slice(0, 1)), 'invalid_request', text);
    }
  });
}

/** Rows of the six awkward elements, which are repeated until the last row is full. */
function awkwardInputs({ backend, row }: Subject, dtype: DType): readonly Tensor[] {
  const width = row.reduce((a, b) => a * b, 1);
  const shape = [Math.ceil(6 / width), ...row];
  const count = shape[0]! * width;
  if (dtype === 'string') {
    return stringRows(backend.hasByteStrings).map((six) => ({ dtype, shape, data: repeated(six, count) }));
  }
  const six = numericRows(dtype);
  const data = Uint8Array.from(repeated([...six], (count * six.length) / 6));
  return [data, misaligned(data)].map((bytes) => ({ dtype, shape, data: bytes }));
}

function repeated<T>(list: readonly T[], count: number): T[] {
  return Array.from({ length: count }, (_, i) => list[i % list.length]!);
}

function testBatchAxes(subject: Subject, placement: Placement): void {
  for (const { dims, axis } of subject.axes) {
    it(`finds the batch axis of [${dims}]: ${axis.kind}`, async (t) => {
      const model = await loadModel(t, subject, placement, subject.model(subject.dtype, dims));
      assert.deepEqual(model.signatures.get(DEFAULT_SIGNATURE_NAME)?.batchAxis, axis);
    });
  }
}

function testWrongCalls(subject: Subject, placement: Placement): void {
  const { input, plain, dtype: wanted, row } = subject;
  it('refuses a wrong dtype, input, output and signature, and goes on', async (t) => {
    const model = await loadModel(t, subject, placement, plain);
    const good = subject.rows(1, 1, 2);
    const run = (inputs: TensorMap, outputs = plain.outputs, signature?: string): Promise<TensorMap> =>
      model.run(inputs, outputs, signature);
    const feed = subject.feed(good);
    const other = wanted === 'int32' ? 'float32' : 'int32';
    const wrong = subject.feed(tensorOf(other, good.shape, []));
    await assertRejects(run(wrong), 'invalid_request', new RegExp(`"${input}" is ${other}; the model wants ${wanted}`));
    await assertRejects(run(new Map()), 'invalid_request', new RegExp(`"${input}" is missing`));
    await assertRejects(run(new Map([...feed, ['q', good]])), 'invalid_request', /no input "q"/);
    await assertRejects(run(feed, ['q']), 'invalid_request', /no output "q"/);
    await assertRejects(run(feed, plain.outputs, 'other'), 'signature_not_found', /"other".*serving_default/);
    await assertAnswers(model, subject, good);
  });

  it('leaves a shape that is not declared to its runtime, and goes on', async (t) => {
    const model = await loadModel(t, subject, placement, plain);
    for (const shape of otherShapes(row)) {
      const x = tensorOf(wanted, shape, [1, 2, 3]);
      if (!subject.backend.refusesShapes) await assertAnswers(model, subject, x);
      else
        await assertRejects(model.run(subject.feed(x), plain.outputs), 'invalid_request', new RegExp(`\\b${input}\\b`));
    }
    await assertAnswers(model, subject, subject.rows(1, 1, 2));
  });

  it('gives the outputs asked for, in that order', async (t) => {
    const model = await loadModel(t, subject, placement, { ...plain, outputs: subject.outputs });
    const x = subject.rows(1, 1, 2);
    const wanted = [...new Set([subject.outputs.at(-1)!, subject.outputs[0]!])];
    const outputs = await model.run(subject.feed(x), wanted);
    assert.deepEqual([...outputs.keys()], wanted);
    for (const [name, output] of outputs) subject.assertAnswer(output, x, name);
    assert.equal((await model.run(subject.feed(x), [])).size, 0);
  });
}

function testLifetime(subject: Subject, placement: Placement): void {
  const { plain } = subject;
  it('leaves the inputs as they were, and its outputs as they are', async (t) => {
    const model = await loadModel(t, subject, placement, plain);
    const x = subject.rows(1, 1, 2);
    const first = (await model.run(subject.feed(x), plain.outputs)).get(plain.outputs[0]!);
    assertSameTensor(x, subject.rows(1, 1, 2));
    await model.run(subject.feed(subject.rows(1, 303, 4)), plain.outputs);
    subject.assertAnswer(first, x);
  });

  it('keeps runs at the same time apart', async (t) => {
    const model = await loadModel(t, subject, placement, plain);
    const inputs = [subject.rows(1, 1, 2), subject.rows(2, 303, 4, 505, 6)];
    await Promise.all(inputs.map((x) => assertAnswers(model, subject, x)));
  });

  it('gives back each its own rows when sizes and orders are mixed', async (t) => {
    const model = await loadModel(t, subject, placement, plain);
    const large = rowsOfLargeInput(subject);
    const inputs = [1, large, 0, 3, Math.ceil(large / 5), large, 2, 500, 0, 1, Math.ceil(large / 5)].map((rows, i) =>
      subject.rows(rows, ...Array.from({ length: 8 }, (_, k) => 100 * i + k)),
    );
    for (let start = 0; start < inputs.length; start += 2) {
      await Promise.all(inputs.slice(start, start + 2).map((x) => assertAnswers(model, subject, x)));
    }
  });

  it('finishes the run in progress when closed, and runs no more', async (t) => {
    const model = await loadModel(t, subject, placement, plain);
    const x = subject.rows(1, 1, 2);
    const running = assertAnswers(model, subject, x);
    await Promise.all([model.close(), model.close()]);
    await running;
    await assertRejects(model.run(subject.feed(x), plain.outputs), 'backend_failed', /unloaded/);
    await model.close();
  });
}

/** Shapes that are not declared for rows of this shape. */
function otherShapes(row: readonly number[]): readonly (readonly number[])[] {
  const width = row.at(-1);
  const wider = width === undefined ? [1, 1] : [1, ...row.slice(0, -1), width + 1];
  return [wider, ...(row.length === 0 ? [] : [row]), [], [1, 1, ...row]];
}

/** Enough rows for more than a megabyte, if the elements are numbers. */
function rowsOfLargeInput({ dtype, row }: Subject): number {
  const elements = dtype === 'string' ? 4000 : 400_000;
  return Math.ceil(elements / row.reduce((a, b) => a * b, 1));
}

function testLeaks(subject: Subject, { open, leakCycles }: Placement): void {
  if (isQuick || leakCycles === undefined) return;
  it(`keeps no memory over ${leakCycles} loads`, async (t) => {
    const row = subject.row.length === 1 ? [2 ** 18] : subject.row;
    const model: TestModel = { ...subject.plain, dims: ['N', ...row], isHeavy: true };
    const directory = modelDirectory(t, subject, model);
    const x = tensorOf(subject.dtype, [1, ...row], []);
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
    const directory = modelDirectory(t, subject, subject.plain);
    const { missingProvider: executionProvider } = subject.backend;
    const load = closedAfter(t, open)(directory, { executionProvider });
    await assertRejects(load, 'load_failed', new RegExp(`"${executionProvider}".*cpu`));
  });

  it('refuses a parameter that it does not know, and names it', async (t) => {
    const directory = modelDirectory(t, subject, subject.plain);
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
  const name = subject.outputs[0]!;
  const output = (await model.run(subject.feed(x), [name])).get(name);
  subject.assertAnswer(output, x);
  const spec = model.signatures.get(DEFAULT_SIGNATURE_NAME)!.outputs.get(name)!;
  assert.equal(output!.dtype, spec.dtype, `the signature declares another dtype of "${name}"`);
  if (!fits(x.shape, model, subject.input)) return;
  assert.ok(shapeFits(output!.shape, spec.shape), `"${name}" has the shape [${output!.shape}], not [${spec.shape}]`);
}

/** The input has the shape that its signature declares. */
function fits(shape: readonly number[], { signatures }: Loaded, input: string): boolean {
  return shapeFits(shape, signatures.get(DEFAULT_SIGNATURE_NAME)!.inputs.get(input)!.shape);
}

async function assertRejects(promise: Promise<unknown>, kind: ErrorKind, text: RegExp): Promise<void> {
  await assert.rejects(promise, (error: ServingError) => {
    assert.equal(error.kind, kind, String(error.stack));
    assert.match(error.message, text);
    return true;
  });
}
