/**
 * Backend `fake`: the smallest backend, for tests and as the example of docs/how-to/add-a-backend.md.
 *
 * The artifact is `<version>/fake.json`:
 *
 *     { "signatures": { "serving_default": {
 *         "inputs":  { "x": { "dtype": "float32", "shape": [-1, 2] } },
 *         "outputs": { "y": { "copyOf": "x" }, "z": { "copyOf": "x", "scale": 0.5, "offset": 2 } },
 *         "batchAxis": { "kind": "dynamic" } } },
 *       "faults": [ { "whenFirstIs": 13, "effect": "exit" } ] }
 *
 * An output is a copy of an input, or scale·x + offset of a float32 input. A fault happens in the run whose first input
 * is float32 and begins with that number: it tests how a host handles a broken backend.
 */
import { writeSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import type { Backend, LoadOptions, RunOptions, RunSync, Session } from '../../src/backends/backend.ts';
import { checkParameters } from '../../src/backends/load-options.ts';
import { checkRun, checkShapes } from '../../src/backends/session-runs.ts';
import type { DType } from '../../src/core/dtype.ts';
import { ServingError } from '../../src/core/errors.ts';
import { type BatchAxis, PREDICT_METHOD_NAME, type Signature, type TensorSpec } from '../../src/core/signature.ts';
import { elements, numericTensor, type Tensor, type TensorMap } from '../../src/core/tensor.ts';

/** An execution provider that it has beside cpu. */
export const FAKE_DEVICE = 'fake-device';
export const FAKE_FILE = 'fake.json';

export interface FakeModel {
  readonly signatures: Readonly<Record<string, FakeSignature>>;
  readonly faults?: readonly FakeFault[];
  /** The time that each run takes. Default: 0. */
  readonly runMs?: number;
  /** Its session answers in a later turn of the event loop. */
  readonly isAsynchronous?: boolean;
  /** It says on load where it is, and counts its runs and the rows of the last one. */
  readonly isTalkative?: boolean;
  /** Its load lasts until nobody needs it. */
  readonly loadsForever?: boolean;
}

export interface FakeSignature {
  readonly inputs: Readonly<Record<string, { readonly dtype: DType; readonly shape: readonly number[] }>>;
  readonly outputs: Readonly<Record<string, FakeOutput>>;
  readonly batchAxis: BatchAxis;
}

export interface FakeOutput {
  /** An input's name. */
  readonly copyOf: string;
  readonly scale?: number;
  readonly offset?: number;
}

/**
 * - `fail`: the run rejects with `backend_failed`, as when a runtime throws;
 * - `throw`: it throws a plain Error, as when the backend has a bug;
 * - `dawdle`: it takes 10 ms, like a larger input;
 * - `tarry`: it takes a second, so that others can look on;
 * - `forget`: it leaves a rejected promise unhandled, and succeeds;
 * - `exit`: it ends its thread, as when a runtime crashes;
 * - `abort`: it ends its process, as when a library aborts, wherever among the numbers that one is;
 * - `hang`: it never ends, and blocks its event loop;
 * - `grow`: it leaks GROWN_BYTES, and succeeds;
 * - `moan`: it writes a line to standard output, and then hangs;
 * - `trace`: the run rejects with `backend_failed`, whose text has the run's traceparent;
 * - `threads`: the run rejects with `backend_failed`, whose text has the session's number of threads;
 * - `print`: it writes lines to standard output and standard error, as native libraries do, and succeeds.
 */
export interface FakeFault {
  readonly whenFirstIs: number;
  readonly effect:
    | 'fail'
    | 'throw'
    | 'dawdle'
    | 'tarry'
    | 'forget'
    | 'exit'
    | 'hang'
    | 'grow'
    | 'print'
    | 'moan'
    | 'trace'
    | 'threads'
    | 'abort';
}

export const GROWN_BYTES = 2 ** 28;
const grown: Uint8Array[] = [];

export const backend: Backend = {
  kind: 'fake',

  async probe(versionDirectory) {
    return stat(join(versionDirectory, FAKE_FILE)).then(
      (stats) => stats.isFile(),
      () => false,
    );
  },

  async load(versionDirectory, options: LoadOptions) {
    const file = join(versionDirectory, FAKE_FILE);
    checkParameters(file, options.parameters, ['greet']);
    if (!['cpu', FAKE_DEVICE].includes(options.executionProvider)) {
      throw loadFailed(file, `there is no execution provider "${options.executionProvider}"; use cpu`);
    }
    try {
      const model = JSON.parse(await readFile(file, 'utf8')) as FakeModel;
      if (model.loadsForever === true) await aborted(options.signal);
      if (model.isTalkative === true) options.log.info(greetingOf(options));
      const session = new FakeSession(model, options);
      return model.isAsynchronous === true ? inLaterTurn(session) : session;
    } catch (error) {
      throw loadFailed(file, (error as Error).message);
    }
  },
};

function greetingOf({ model, version, slot, parameters }: LoadOptions): string {
  return `${model}:${version} in slot ${slot} greets ${parameters.get('greet')}`;
}

/** Rejects when the signal is aborted. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    // It keeps the thread alive.
    const timer = setInterval(() => undefined, 60_000);
    const end = (): void => {
      clearInterval(timer);
      reject(new Error('nobody needs it'));
    };
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  });
}

function loadFailed(file: string, text: string): ServingError {
  return new ServingError('load_failed', `"${file}": ${text}`);
}

function inLaterTurn(session: FakeSession): Session {
  return {
    signatures: session.signatures,
    run: async (...call) => {
      await new Promise((resolve) => setImmediate(resolve));
      return session.run(...call);
    },
    close: () => session.close(),
  };
}

class FakeSession implements Session {
  readonly signatures: ReadonlyMap<string, Signature>;
  readonly #model: FakeModel;
  readonly #options: LoadOptions;
  #isClosed = false;

  constructor(model: FakeModel, options: LoadOptions) {
    this.#model = model;
    this.#options = options;
    this.signatures = new Map(Object.entries(model.signatures).map(([name, s]) => [name, toSignature(s)]));
  }

  async run(...call: Parameters<RunSync>): Promise<TensorMap> {
    return this.runSync(...call);
  }

  runSync(...[signatureName, inputs, outputs, options]: Parameters<RunSync>): TensorMap {
    if (this.#isClosed) throw new ServingError('backend_failed', 'the model has been unloaded');
    checkRun(this.signatures, signatureName, inputs, outputs);
    checkShapes(this.signatures.get(signatureName)!, inputs);
    this.#actOutFault(inputs, options);
    if (this.#model.isTalkative === true) this.#count(inputs);
    if (this.#model.runMs !== undefined) waitMs(this.#model.runMs);
    const recipes = this.#model.signatures[signatureName]!.outputs;
    return new Map(outputs.map((name) => [name, makeOutput(recipes[name]!, inputs)]));
  }

  // A run ends before it returns, so close has nothing to wait for.
  async close(): Promise<void> {
    this.#isClosed = true;
  }

  #count(inputs: TensorMap): void {
    const [first] = inputs.values();
    this.#options.metrics.count('runs');
    this.#options.metrics.set('rows', first?.shape[0] ?? 0);
  }

  #actOutFault(inputs: TensorMap, { traceparent }: RunOptions): void {
    const [first] = [...inputs.values()];
    if (first?.dtype !== 'float32') return;
    const values = [...elements(first)];
    const fault = this.#model.faults?.find(({ whenFirstIs, effect }) =>
      effect === 'abort' ? values.includes(whenFirstIs) : whenFirstIs === values[0],
    )?.effect;
    switch (fault) {
      case 'fail':
        throw new ServingError('backend_failed', 'the fake was told to fail');
      case 'throw':
        throw new Error('a bug in the fake');
      case 'dawdle':
        waitMs(10);
        break;
      case 'tarry':
        waitMs(1000);
        break;
      case 'forget':
        void Promise.reject(new Error('a promise that the fake forgot'));
        break;
      case 'exit':
        process.exit(7);
        break;
      case 'moan':
        writeSync(1, 'I cannot go on\n');
        waitMs(Infinity);
        break;
      case 'abort':
        process.kill(process.pid, 'SIGABRT');
        waitMs(Infinity);
        break;
      case 'hang':
        waitMs(Infinity);
        break;
      case 'grow':
        grown.push(new Uint8Array(GROWN_BYTES).fill(1));
        break;
      case 'print':
        writeSync(1, 'a note on standard output\n');
        writeSync(2, `${'x'.repeat(5000)}\n\na note on standard error`);
        break;
      case 'trace':
        throw new ServingError('backend_failed', `traceparent: ${traceparent}`);
      case 'threads':
        throw new ServingError('backend_failed', `threads: ${this.#options.intraOpThreads}`);
      case undefined:
    }
  }
}

/** Blocks the event loop. */
function waitMs(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function toSignature({ inputs, outputs, batchAxis }: FakeSignature): Signature {
  const inputSpecs = new Map<string, TensorSpec>();
  for (const [name, input] of Object.entries(inputs)) inputSpecs.set(name, { ...input, tensorName: name });
  const outputSpecs = new Map<string, TensorSpec>();
  for (const [name, { copyOf }] of Object.entries(outputs)) {
    const source = inputSpecs.get(copyOf);
    if (source === undefined) throw new Error(`output "${name}" is a copy of "${copyOf}", which is no input`);
    outputSpecs.set(name, { ...source, tensorName: name });
  }
  return { inputs: inputSpecs, outputs: outputSpecs, methodName: PREDICT_METHOD_NAME, batchAxis };
}

/** Allocates new memory each time: the caller may keep an output and reuse an input's memory. */
function makeOutput({ copyOf, scale = 1, offset = 0 }: FakeOutput, inputs: TensorMap): Tensor {
  const input = inputs.get(copyOf)!;
  if (input.dtype === 'string') return { ...input, data: input.data.map((bytes) => new Uint8Array(bytes)) };
  if (scale === 1 && offset === 0) return { ...input, data: new Uint8Array(input.data) };
  const values = elements(input) as Float32Array;
  return numericTensor(
    'float32',
    input.shape,
    values.map((x) => scale * x + offset),
  );
}
