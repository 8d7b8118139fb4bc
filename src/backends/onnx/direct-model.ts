/**
 * ONNX Runtime without its JavaScript front: the native session called directly, and answered on the spot.
 *
 * The public `run` is a promise kept in a setImmediate of the event loop. Without it a thread may sleep on shared memory
 * between runs (backends/host/thread/mailbox.ts), a run on the event loop needs no turn of it, and a run costs less
 * (CPU µs a run, interleaved in one process, medians):
 *
 *     model, rows            public API    direct    direct, inputs made before    direct, outputs made before too
 *     half_plus_two, 1          9.4          4.9              4.7                          5.1
 *     128-512-512-10, 1        26.6         21.3             20.8                         21.2
 *     128-512-512-10, 32      117.7        109.9            108.5                        108.7
 *
 * Tensors made before and used again save next to nothing, and would make every answer a loan until the next run: so
 * they are made for each run.
 *
 * The module behind it is private to onnxruntime-node, so nothing is taken on trust. When this file is imported, so once a
 * thread, a tiny model is opened and run both ways. If anything differs, or a model has types that the public API refuses, the
 * answer here is `undefined`, and the public API is used. ORT's own errors are the same both ways.
 */
import { Buffer } from 'node:buffer';
import { isDeepStrictEqual } from 'node:util';
import { type BindingModule, InferenceSession, importBinding, Tensor as OrtTensor } from './ort-library.ts';
import type { OrtModel, OrtTensors, ValueMetadata } from './ort-model.ts';

type NativeSession = InstanceType<BindingModule['binding']['InferenceSession']>;
type RawMetadata = NativeSession['inputMetadata'][number];

/** TensorProto.DataType → the public API's name; holes are types that it refuses. */
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

/** Opens the model; undefined = use the public API. `source` is a file, or a model's bytes. Rejects with ORT's error. */
export async function openDirect(
  source: string | Uint8Array<ArrayBuffer>,
  options: InferenceSession.SessionOptions,
): Promise<OrtModel | undefined> {
  return trusted === undefined ? undefined : openNative(trusted, source, options);
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

  /** Throws where the model has a type that the public API does not know. */
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

/** y = x + x for x of [n, 2]: an opset 17 graph of one Add. */
const TRIAL_MODEL = Uint8Array.from(
  Buffer.from(
    'CAhCAhAROkIKDgoBeAoBeBIBeSIDQWRkEgR0ZXN0WhQKAXgSDwoNCAESCQoDEgFuCgIIAmIUCgF5Eg8KDQgBEgkKAxIBbgoCCAI=',
    'base64',
  ),
);
const TRIAL_OPTIONS: InferenceSession.SessionOptions = { intraOpNumThreads: 1, interOpNumThreads: 1 };

/** The private module, if it is what it was and gives what the public API gives. */
async function tryOut(): Promise<BindingModule | undefined> {
  const module = await importBinding();
  module.initOrt();
  const reference = await InferenceSession.create(TRIAL_MODEL, TRIAL_OPTIONS);
  const direct = openNative(module, TRIAL_MODEL, TRIAL_OPTIONS);
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

/** Last, since it needs all that stands above. */
const trusted = await tryOut().catch(() => undefined);
