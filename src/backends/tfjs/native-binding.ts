/**
 * tfjs-node's binding to libtensorflow, which scripts/natives/tfjs builds. Each process or worker thread loads it with
 * its first model.
 *
 * libtensorflow reads the sizes of its thread pools from the environment once, when it is loaded. A child process has
 * them set from its start; elsewhere those of the first model apply.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import process from 'node:process';
import { tfjsNodeDirectory } from './natives.ts';

/** A tensor in a graph: an operation and the index of its output. */
export interface GraphPlace {
  readonly op: string;
  readonly index: number;
}

/** `dtype` is TensorFlow's number of the type. `data`: the elements' bytes, or those of each string. */
export interface NativeTensor {
  readonly dtype: number;
  readonly shape: readonly number[];
  readonly data: Uint8Array | readonly Uint8Array[];
}

/** The used part of the binding. TensorFlow's errors are Errors with a `code` (tensorflow-errors.ts). */
export interface NativeBinding {
  /** Opens the graph with those tags, separated by commas, and returns its number. */
  loadSavedModel(directory: string, tags: string): number;
  /** Computes on the calling thread. Copies the inputs; the outputs have their own memory. */
  runSession(
    model: number,
    inputs: readonly (GraphPlace & NativeTensor)[],
    outputs: readonly GraphPlace[],
  ): NativeTensor[];
  /** Runs with TensorFlow's trace, which is slower: `metadata` is a serialized RunMetadata. */
  profileSession(
    model: number,
    inputs: readonly (GraphPlace & NativeTensor)[],
    outputs: readonly GraphPlace[],
  ): { readonly tensors: NativeTensor[]; readonly metadata: Uint8Array };
  deleteSavedModel(model: number): void;
  /** Converts a serialized TensorProto. */
  tensorFromProto(bytes: Uint8Array): NativeTensor;
}

/** Throws `load_failed` if the libraries are not installed. */
export function openBinding(intraOpThreads: number): NativeBinding {
  return requireNative<NativeBinding>(join('lib', 'napi-v8', 'tfjs_binding.node'), intraOpThreads);
}

/** TF_CPP_MIN_LOG_LEVEL: warnings are about the model, and errors reach callers anyway. */
const ERRORS_ONLY = '2';

/** Loads a module of tfjs-node's package, with that many threads if libtensorflow is not loaded yet. */
export function requireNative<T>(path: string, intraOpThreads: number): T {
  const directory = tfjsNodeDirectory();
  const { env } = process;
  // A child process has them already.
  env['TF_NUM_INTRAOP_THREADS'] ??= String(intraOpThreads);
  env['TF_NUM_INTEROP_THREADS'] ??= '1';
  env['TF_CPP_MIN_LOG_LEVEL'] ??= ERRORS_ONLY;
  return createRequire(import.meta.url)(join(directory, path)) as T;
}
