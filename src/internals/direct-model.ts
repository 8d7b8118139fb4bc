/**
 * Calls ONNX Runtime's native session directly, without its JavaScript API.
 *
 * The public `run` is a promise that settles in a setImmediate of the event loop. A direct call returns the outputs: so
 * a thread can sleep on shared memory between runs (backends/host/thread/mailbox.ts), a run on the event loop needs no
 * turn of it, and each run costs less CPU (docs/adr/0007-inline-or-threads.md). Each run has new tensors: reuse would
 * save almost nothing, and would overwrite each answer at the next run.
 *
 * The native module is private to onnxruntime-node, so it is verified: when this file is imported (once in each
 * thread), a tiny model is opened and run both ways. If a result differs, or a model has types that the public API
 * rejects, `openDirect` returns undefined, and the public API is used. Both have the same errors.
 */
import { Buffer } from 'node:buffer';
import { isDeepStrictEqual } from 'node:util';
import {
  type BindingModule,
  InferenceSession,
  type OrtModel,
  Tensor as OrtTensor,
  type OrtTensors,
  requireBinding,
  type ValueMetadata,
} from './ort-library.ts';

type NativeSession = InstanceType<BindingModule['binding']['InferenceSession']>;
type RawMetadata = NativeSession['inputMetadata'][number];

/** TensorProto.DataType → the public API's name; undefined for types that it rejects. */
const TYPE_NAMES: readonly (OrtTensor.Type | undefined)[] = [
  undefined,
  'float32',
  'uint8',
  'int8',
  'uint16',
  'int16',
  'int32',
  'int64',
  'string',
  'bool',
  'float16',
  'float64',
  'uint32',
  'uint64',
];

/** This ONNX Runtime has the private module, and it answers as the public API does. */
export async function canOpenDirectly(): Promise<boolean> {
  return (await verified) !== undefined;
}

/** Opens the model; undefined = use the public API. `source` is a file or a model's bytes. Rejects with ORT's error. */
export async function openDirect(
  source: string | Uint8Array<ArrayBuffer>,
  options: InferenceSession.SessionOptions,
): Promise<OrtModel | undefined> {
  const module = await verified;
  return module === undefined ? undefined : openNative(module, source, options);
}

function openNative(
  { binding }: BindingModule,
  source: string | Uint8Array<ArrayBuffer>,
  options: InferenceSession.SessionOptions,
): OrtModel | undefined {
  const session = new binding.InferenceSession();
  if (typeof source === 'string') session.loadModel(source, options);
  else session.loadModel(source.buffer, source.byteOffset, source.byteLength, options);
  try {
    return new DirectModel(session);
  } catch {
    session.dispose();
    return undefined;
  }
}

class DirectModel implements OrtModel {
  readonly inputMetadata: readonly ValueMetadata[];
  readonly outputMetadata: readonly ValueMetadata[];
  readonly #session: NativeSession;

  /** Throws if the model has a type that the public API does not know. */
  constructor(session: NativeSession) {
    this.#session = session;
    this.inputMetadata = session.inputMetadata.map(toPublicMetadata);
    this.outputMetadata = session.outputMetadata.map(toPublicMetadata);
  }

  readonly runSync = (feeds: OrtTensors, outputs: readonly string[]): OrtTensors => {
    const fetches: Record<string, null> = Object.create(null);
    for (let i = 0; i < outputs.length; i++) fetches[outputs[i]!] = null;
    return this.#session.run(feeds, fetches, {}) as OrtTensors;
  };

  async run(feeds: OrtTensors, outputs: readonly string[]): Promise<OrtTensors> {
    return this.runSync(feeds, outputs);
  }

  async release(): Promise<void> {
    this.#session.dispose();
  }
}

function toPublicMetadata(raw: RawMetadata): ValueMetadata {
  if (!raw.isTensor) return { name: raw.name, isTensor: false };
  const type = TYPE_NAMES[raw.type];
  if (type === undefined) throw new Error(`no public name for element type ${raw.type}`);
  const shape = raw.shape.map((dim, i) => (dim === -1 ? raw.symbolicDimensions[i]! : dim));
  return { name: raw.name, isTensor: true, type, shape };
}

/** y = x + x for x of shape [n, 2]: an opset 17 graph with one Add. */
const TEST_MODEL = Uint8Array.from(
  Buffer.from(
    'CAhCAhAROkIKDgoBeAoBeBIBeSIDQWRkEgR0ZXN0WhQKAXgSDwoNCAESCQoDEgFuCgIIAmIUCgF5Eg8KDQgBEgkKAxIBbgoCCAI=',
    'base64',
  ),
);
const TEST_OPTIONS: InferenceSession.SessionOptions = { intraOpNumThreads: 1, interOpNumThreads: 1 };

/** The private module, if its results are those of the public API. */
async function verifyBinding(): Promise<BindingModule | undefined> {
  const module = requireBinding();
  module.initOrt();
  const reference = await InferenceSession.create(TEST_MODEL, TEST_OPTIONS);
  const direct = openNative(module, TEST_MODEL, TEST_OPTIONS);
  try {
    const isSame =
      isDeepStrictEqual(direct?.inputMetadata, reference.inputMetadata) &&
      isDeepStrictEqual(direct?.outputMetadata, reference.outputMetadata);
    if (direct?.runSync === undefined || !isSame) return undefined;
    for (const rows of [3, 0, 1]) {
      const x = new OrtTensor(
        'float32',
        Float32Array.from({ length: 2 * rows }, (_, i) => i - 0.5),
        [rows, 2],
      );
      const want = (await reference.run({ x }, ['y']))['y'];
      const got = direct.runSync({ x }, ['y'])['y'];
      if (!(got instanceof OrtTensor) || !isDeepStrictEqual(contentOf(got), contentOf(want!))) return undefined;
    }
    return module;
  } finally {
    await reference.release();
    await direct?.release();
  }
}

function contentOf({ type, dims, data }: OrtTensor): unknown {
  return { type, dims, data };
}

/**
 * The private module; undefined if there is none, or one that answers otherwise than the public API. It begins at once, and
 * so on the main thread before any other: what ONNX Runtime allocates for the whole process would take 9 MiB more in the
 * heap of a thread that ends. Last in the file, since it needs the declarations above.
 */
const verified = verifyBinding().catch(() => undefined);
