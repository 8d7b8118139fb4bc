/**
 * What every backend must do, run for each backend directly and again inside each host, however batches
 * cross to it.
 *
 * A backend brings a `BackendUnderTest`: how to write it the few models that the suite needs, and what it cannot do.
 * The models copy their one input `x` to each of their outputs.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import process from 'node:process';
import { describe, it, type TestContext } from 'node:test';
import type { LoadOptions } from '../../src/backends/backend.ts';
import type { HostedSession } from '../../src/backends/host/hosted-session.ts';
import { startInlineHost } from '../../src/backends/host/inline-host.ts';
import { ProcessGroup } from '../../src/backends/host/process/process-group.ts';
import { startProcessHost } from '../../src/backends/host/process/process-host.ts';
import { startThreadHost } from '../../src/backends/host/thread/thread-host.ts';

import type { WorkerHostOptions } from '../../src/backends/host/worker-host-options.ts';
import { backendFor } from '../../src/backends/registry.ts';
import { systemClock } from '../../src/core/clock.ts';
import { bytesPerElement, DTYPES, type DType } from '../../src/core/dtype.ts';
import type { ErrorKind, ServingError } from '../../src/core/errors.ts';
import type { Executor } from '../../src/core/executor.ts';
import { DEFAULT_SIGNATURE_NAME, type Signature } from '../../src/core/signature.ts';
import type { Tensor, TensorMap } from '../../src/core/tensor.ts';
import { collectGarbage } from '../support/collect-garbage.ts';
import { tempDirectory } from '../support/temp-directory.ts';

/** npm run check sets this. It leaves to npm test what takes most of the time: a process for each model, and leaks. */
const isQuick = process.env['PILLION_TEST_QUICK'] !== undefined;
export interface CopyModel {
  readonly dtype: DType;
  /** Of x and every output. 'N' in front = a free batch dim; a number in front of all = a fixed one. */
  readonly dims: readonly (number | 'N')[];
  readonly outputs: readonly string[];
  /** With about a megabyte of weights, where the format has any. */
  readonly isHeavy?: boolean;
}

export interface BackendUnderTest {
  /** As registry.ts takes it. */
  readonly kind: string;
  /** What it can exchange. A model with another dtype must not load. */
  readonly dtypes: readonly DType[];
  /** Do string elements hold any bytes? If not: UTF-8 without NUL, and other bytes are an `invalid_request`. */
  readonly hasByteStrings: boolean;
  /**
   * Its runtime refuses shapes that the model does not declare. Else the graph decides, and one that copies answers.
   */
  readonly refusesShapes: boolean;
  /** An execution provider that this machine does not have. */
  readonly missingProvider: string;
  writeModel(directory: string, model: CopyModel): void;
  /** Writes an artifact that cannot be opened, and returns the name of its file. */
  writeCorruptModel(directory: string): string;
}

/** A loaded model, direct or hosted. */
interface Loaded {
  readonly signatures: ReadonlyMap<string, Signature>;
  run(inputs: TensorMap, outputs?: readonly string[], signatureName?: string): Promise<TensorMap>;
  close(): Promise<void>;
}

type Load = (directory: string, options?: Partial<LoadOptions>) => Promise<Loaded>;

interface Placement {
  readonly name: string;
  readonly load: Load;
  /** Loads for the leak check: a thread's life takes longer than a session's. */
  readonly leakCycles: number;
}

const LOAD_OPTIONS: LoadOptions = { intraOpThreads: 1, executionProvider: 'cpu' };
const MATRIX: CopyModel = { dtype: 'float32', dims: ['N', 2], outputs: ['y'] };

/** The suite. Call it at the top of a test file. */
export function backendContract(backend: BackendUnderTest): void {
  const { kind } = backend;
  const placements = [
    direct(kind),
    hosted('inline', 200, kind, startInlineHost),
    hosted('in threads', 25, kind, startThreadHost),
    hosted('in threads, by message', 25, kind, (options) => startThreadHost({ ...options, slabBytes: 0 })),
  ];
  const processes = [
    hosted('in processes', 25, kind, startProcessHost),
    hosted('in a shared process', 25, kind, (options) =>
      startProcessHost({ ...options, processGroup: new ProcessGroup('g') }),
    ),
  ];
  for (const placement of isQuick ? placements : [...placements, ...processes]) {
    describe(`backend ${kind.replace(/.*\//, '')}, ${placement.name}`, () => {
      testDTypes(backend, placement);
      testBatchAxes(backend, placement);
      testWrongCalls(backend, placement);
      testLifetime(backend, placement);
      testLoadErrors(backend, placement);
    });
  }
}

function direct(kind: string): Placement {
  const load: Load = async (directory, options) => {
    const backend = await backendFor(directory, kind);
    const session = await backend.load(directory, { ...LOAD_OPTIONS, ...options });
    return {
      signatures: session.signatures,
      run: (inputs, outputs = ['y'], signatureName = DEFAULT_SIGNATURE_NAME) =>
        session.run(signatureName, inputs, outputs, { deadline: Infinity }),
      close: () => session.close(),
    };
  };
  return { name: 'direct', load, leakCycles: 200 };
}

function hosted(
  name: string,
  leakCycles: number,
  backendKind: string,
  start: (options: WorkerHostOptions) => Promise<HostedSession>,
): Placement {
  const load: Load = async (directory, options) => {
    const loadOptions = { ...LOAD_OPTIONS, ...options };
    const clock = systemClock;
    const host = await start({
      model: 'copy',
      versionDirectory: directory,
      backendKind,
      loadOptions,
      slots: 2,
      clock,
    });
    let runs = 0;
    return {
      signatures: host.signatures,
      run: async (tensors, outputs = ['y'], signatureName = DEFAULT_SIGNATURE_NAME) => {
        // Every other run in the host's own memory, as the scheduler does it.
        const inputs = runs++ % 2 === 0 ? tensors : inLentMemory(tensors, host.executor);
        const size = [...inputs.values()][0]?.shape[0] ?? 1;
        return (await host.executor.run({ signatureName, inputs, outputs, size, deadline: Infinity })).outputs;
      },
      close: () => host.close(),
    };
  };
  return { name, load, leakCycles };
}

function inLentMemory(tensors: TensorMap, executor: Executor): TensorMap {
  const lent = new Map<string, Tensor>();
  for (const [name, tensor] of tensors) {
    if (tensor.dtype === 'string') {
      lent.set(name, tensor);
      continue;
    }
    const data = new Uint8Array(executor.allocate(tensor.data.byteLength), 0, tensor.data.byteLength);
    data.set(tensor.data);
    lent.set(name, { ...tensor, data });
  }
  return lent;
}

function testDTypes(backend: BackendUnderTest, { load }: Placement): void {
  for (const dtype of DTYPES) {
    if (!backend.dtypes.includes(dtype)) {
      it(`refuses a model with a ${dtype} tensor and names it`, async (t) => {
        const directory = modelDirectory(t, backend, { dtype, dims: ['N', 2], outputs: ['y'] });
        await assertRejects(load(directory), 'load_failed', /"[xy]"/);
      });
      continue;
    }
    it(`gives ${dtype} back bit by bit`, async (t) => {
      const model = await loadModel(t, backend, load, { dtype, dims: ['N', 3], outputs: ['y'] });
      for (const data of dtype === 'string'
        ? stringRows(backend)
        : [numericRows(dtype), misaligned(numericRows(dtype))]) {
        const x = { dtype, shape: [2, 3], data } as Tensor;
        assertSameTensor((await model.run(new Map([['x', x]]))).get('y'), x);
      }
      const empty = { dtype, shape: [0, 3], data: dtype === 'string' ? [] : new Uint8Array(0) } as Tensor;
      assertSameTensor((await model.run(new Map([['x', empty]]))).get('y'), empty);
    });
  }
  if (backend.hasByteStrings) return;
  it('refuses string elements that are no text, with their place', async (t) => {
    const model = await loadModel(t, backend, load, { dtype: 'string', dims: ['N'], outputs: ['y'] });
    for (const bad of [Buffer.from([0xff, 0xfe]), Buffer.from('a\0b'), Buffer.from('é').subarray(0, 1)]) {
      const x: Tensor = { dtype: 'string', shape: [2], data: [Buffer.from('fine'), bad] };
      await assertRejects(model.run(new Map([['x', x]])), 'invalid_request', /input "x", element 1/);
    }
  });
}

function testBatchAxes(backend: BackendUnderTest, { load }: Placement): void {
  const cases = [
    { dims: ['N', 2], axis: { kind: 'dynamic' } },
    { dims: [4, 2], axis: { kind: 'fixed', size: 4 } },
    { dims: [], axis: { kind: 'none' } },
  ] as const;
  for (const { dims, axis } of cases) {
    it(`finds the batch axis of [${dims}]: ${axis.kind}`, async (t) => {
      const model = await loadModel(t, backend, load, { dtype: 'float32', dims, outputs: ['y'] });
      assert.deepEqual(model.signatures.get(DEFAULT_SIGNATURE_NAME)?.batchAxis, axis);
    });
  }
}

function testWrongCalls(backend: BackendUnderTest, { load }: Placement): void {
  it('refuses a wrong dtype, input, output and signature, and goes on', async (t) => {
    const model = await loadModel(t, backend, load, MATRIX);
    const good = floats([1, 2], 1, 2);
    const run = (x: Tensor, outputs?: readonly string[], signature?: string): Promise<TensorMap> =>
      model.run(new Map([['x', x]]), outputs, signature);
    const int32: Tensor = { dtype: 'int32', shape: [1, 2], data: new Uint8Array(8) };
    await assertRejects(run(int32), 'invalid_request', /"x" is int32; the model wants float32/);
    await assertRejects(model.run(new Map()), 'invalid_request', /"x" is missing/);
    const surplus = new Map([
      ['x', good],
      ['q', good],
    ]);
    await assertRejects(model.run(surplus), 'invalid_request', /no input "q"/);
    await assertRejects(run(good, ['q']), 'invalid_request', /no output "q"/);
    await assertRejects(run(good, ['y'], 'other'), 'signature_not_found', /"other".*serving_default/);
    assertSameTensor((await run(good)).get('y'), good);
  });

  it('leaves a shape that is not declared to its runtime, and goes on', async (t) => {
    const model = await loadModel(t, backend, load, MATRIX);
    for (const x of [floats([1, 3], 1, 2, 3), floats([2], 1, 2), floats([], 1), floats([1, 1, 2], 1, 2)]) {
      const answer = model.run(new Map([['x', x]]));
      if (backend.refusesShapes) await assertRejects(answer, 'invalid_request', /\bx\b/);
      else assertSameTensor((await answer).get('y'), x);
    }
    const good = floats([1, 2], 1, 2);
    assertSameTensor((await model.run(new Map([['x', good]]))).get('y'), good);
  });

  it('gives the outputs asked for, in that order', async (t) => {
    const model = await loadModel(t, backend, load, { ...MATRIX, outputs: ['a', 'b', 'c'] });
    const x = floats([1, 2], 1, 2);
    const outputs = await model.run(new Map([['x', x]]), ['c', 'a']);
    assert.deepEqual([...outputs.keys()], ['c', 'a']);
    for (const output of outputs.values()) assertSameTensor(output, x);
  });
}

function testLifetime(backend: BackendUnderTest, { load, leakCycles }: Placement): void {
  it('leaves the inputs as they were, and its outputs as they are', async (t) => {
    const model = await loadModel(t, backend, load, MATRIX);
    const x = floats([1, 2], 1, 2);
    const first = (await model.run(new Map([['x', x]]))).get('y');
    assertSameTensor(x, floats([1, 2], 1, 2));
    await model.run(new Map([['x', floats([1, 2], 3, 4)]]));
    assertSameTensor(first, x);
  });

  it('keeps runs at the same time apart', async (t) => {
    const model = await loadModel(t, backend, load, MATRIX);
    const inputs = [floats([1, 2], 1, 2), floats([2, 2], 3, 4, 5, 6)];
    const outputs = await Promise.all(inputs.map((x) => model.run(new Map([['x', x]]))));
    for (const [i, x] of inputs.entries()) assertSameTensor(outputs[i]!.get('y'), x);
  });

  it('gives back each its own rows when sizes and orders are mixed', async (t) => {
    const model = await loadModel(t, backend, load, MATRIX);
    const inputs = [1, 200_000, 0, 3, 40_000, 200_000, 2, 500, 0, 1, 40_000].map((rows, i) =>
      floats([rows, 2], ...Array.from({ length: Math.min(2 * rows, 8) }, (_, k) => 100 * i + k)),
    );
    for (let start = 0; start < inputs.length; start += 2) {
      const some = inputs.slice(start, start + 2);
      const outputs = await Promise.all(some.map((x) => model.run(new Map([['x', x]]))));
      for (const [i, x] of some.entries()) assertSameTensor(outputs[i]!.get('y'), x);
    }
  });

  it('finishes the run in progress when closed, and runs no more', async (t) => {
    const model = await load(modelDirectory(t, backend, MATRIX));
    const x = floats([1, 2], 1, 2);
    const running = model.run(new Map([['x', x]]));
    await Promise.all([model.close(), model.close()]);
    assertSameTensor((await running).get('y'), x);
    await assertRejects(model.run(new Map([['x', x]])), 'backend_failed', /unloaded/);
    await model.close();
  });

  if (isQuick) return;
  it(`keeps no memory over ${leakCycles} loads`, async (t) => {
    const columns = 2 ** 18;
    const directory = modelDirectory(t, backend, { ...MATRIX, dims: ['N', columns], isHeavy: true });
    const x: Tensor = { dtype: 'float32', shape: [1, columns], data: new Uint8Array(4 * columns) };
    const cycle = async (): Promise<void> => {
      const model = await load(directory);
      await model.run(new Map([['x', x]]));
      await model.close();
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

function testLoadErrors(backend: BackendUnderTest, { load }: Placement): void {
  it('names the file that it cannot open', async (t) => {
    const directory = tempDirectory(t);
    const file = backend.writeCorruptModel(directory);
    await assertRejects(load(directory), 'load_failed', new RegExp(file.replace('.', '\\.')));
  });

  it('refuses an execution provider that is not there', async (t) => {
    const directory = modelDirectory(t, backend, MATRIX);
    const { missingProvider: executionProvider } = backend;
    await assertRejects(
      load(directory, { executionProvider }),
      'load_failed',
      new RegExp(`"${executionProvider}".*cpu`),
    );
  });
}

function modelDirectory(t: TestContext, backend: BackendUnderTest, model: CopyModel): string {
  const directory = tempDirectory(t);
  backend.writeModel(directory, model);
  return directory;
}

async function loadModel(t: TestContext, backend: BackendUnderTest, load: Load, model: CopyModel): Promise<Loaded> {
  const loaded = await load(modelDirectory(t, backend, model));
  t.after(() => loaded.close());
  return loaded;
}

async function assertRejects(promise: Promise<unknown>, kind: ErrorKind, text: RegExp): Promise<void> {
  await assert.rejects(promise, (error: ServingError) => {
    assert.equal(error.kind, kind, String(error.stack));
    assert.match(error.message, text);
    return true;
  });
}

function assertSameTensor(actual: Tensor | undefined, expected: Tensor): void {
  assert.ok(actual !== undefined);
  assert.equal(actual.dtype, expected.dtype);
  assert.deepEqual(actual.shape, expected.shape);
  const hex = ({ data }: Tensor): readonly string[] =>
    (data instanceof Uint8Array ? [data] : data).map((bytes) => Buffer.from(bytes).toString('hex'));
  assert.deepEqual(hex(actual), hex(expected));
}

/** Values that are missing are zeros. */
function floats(shape: readonly number[], ...values: number[]): Tensor {
  const data = new Float32Array(shape.reduce((a, b) => a * b, 1));
  data.set(values);
  return { dtype: 'float32', shape, data: new Uint8Array(data.buffer) };
}

/** Six elements of the awkward kind: all bits set (a NaN with a payload, -1 or the largest), -0 or the least, … */
function numericRows(dtype: Exclude<DType, 'string'>): Uint8Array {
  if (dtype === 'bool') return new Uint8Array([0, 1, 1, 0, 0, 1]);
  const size = bytesPerElement(dtype);
  const data = new Uint8Array(6 * size);
  data.fill(0xff, 0, size);
  data[2 * size - 1] = 0x80;
  data.fill(0xff, 2 * size, 3 * size - 1);
  data[3 * size - 1] = 0x7f;
  data[3 * size] = 1;
  data.set([0x3c, 0x7e].slice(0, size), 5 * size - Math.min(2, size));
  return data;
}

/** The same bytes at an odd address. */
function misaligned(data: Uint8Array): Uint8Array {
  const shifted = new Uint8Array(data.byteLength + 1).subarray(1);
  shifted.set(data);
  return shifted;
}

function stringRows(backend: BackendUnderTest): (readonly Uint8Array[])[] {
  const text = ['', 'plain', 'é', '日本語', '\u{1f600}', '\ufeffwith a mark'].map((s) => new TextEncoder().encode(s));
  if (!backend.hasByteStrings) return [text];
  return [text, [[], [0], [0xff, 0xfe], [0xc3], [0, 0, 1], [0x80]].map((bytes) => new Uint8Array(bytes))];
}
