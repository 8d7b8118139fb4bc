/**
 * tfjs-node's binding to libtensorflow, as scripts/natives/tfjs builds it: loaded once a process (or worker thread), when
 * the first model is.
 *
 * libtensorflow reads the size of its thread pools from the environment when it is loaded, and never again. A process
 * that is started for one model has them set from its beginning; elsewhere the first model's are taken.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import process from 'node:process';
import { tfjsNodeDirectory } from './natives.ts';

/** Where a tensor comes out of a graph: an operation, and which of its outputs. */
export interface GraphPlace {
  readonly op: string;
  readonly index: number;
}

/** `dtype` is TensorFlow's number. `data`: the elements' bytes, or each string's. */
export interface NativeTensor {
  readonly dtype: number;
  readonly shape: readonly number[];
  readonly data: Uint8Array | readonly Uint8Array[];
}

/** What is used of it here. What TensorFlow refuses throws an Error with a `code` (tensorflow-errors.ts). */
export interface NativeBinding {
  readonly TF_Version: string;
  /** Opens the graph of those tags, separated by commas; the number is for the other calls. */
  loadSavedModel(directory: string, tags: string): number;
  /** Computes on the calling thread. Copies the inputs; the outputs are in memory of their own. */
  runSession(
    model: number,
    inputs: readonly (GraphPlace & NativeTensor)[],
    outputs: readonly GraphPlace[],
  ): NativeTensor[];
  /** The same with TensorFlow's own trace of the run: `metadata` is a serialized RunMetadata. Slower. */
  profileSession(
    model: number,
    inputs: readonly (GraphPlace & NativeTensor)[],
    outputs: readonly GraphPlace[],
  ): { readonly tensors: NativeTensor[]; readonly metadata: Uint8Array };
  deleteSavedModel(model: number): void;
  /** A serialized TensorProto as a tensor. */
  tensorFromProto(bytes: Uint8Array): NativeTensor;
}

/** The binding. Throws `load_failed` where the libraries are not there. */
export function openBinding(intraOpThreads: number): NativeBinding {
  return requireNative<NativeBinding>(join('lib', 'napi-v8', 'tfjs_binding.node'), intraOpThreads);
}

/** A module of tfjs-node's package, loaded with that many threads if libtensorflow is not loaded yet. */
export function requireNative<T>(path: string, intraOpThreads: number): T {
  const directory = tfjsNodeDirectory();
  setEnvironment(intraOpThreads);
  return createRequire(import.meta.url)(join(directory, path)) as T;
}

/** As a host's child process has it already: what it is started with stands. */
function setEnvironment(intraOpThreads: number): void {
  const { env } = process;
  env['TF_NUM_INTRAOP_THREADS'] ??= String(intraOpThreads);
  env['TF_NUM_INTEROP_THREADS'] ??= '1';
  env['TF_CPP_MIN_LOG_LEVEL'] ??= ERRORS_ONLY;
}

/** Its warnings are of the model's making, and its errors reach callers anyway. */
const ERRORS_ONLY = '2';
