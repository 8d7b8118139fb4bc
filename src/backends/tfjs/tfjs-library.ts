/**
 * tfjs-node as JavaScript sees it, as far as the models of TensorFlow.js need it: loaded when the first of them is.
 */
import util from 'node:util';
import type { TypedArray } from '../../core/dtype.ts';
import { requireNative } from './native-binding.ts';

/** TensorFlow.js has no other types: a model computes its int64 as int32 and its float16 as float32. */
export type TfjsDType = 'float32' | 'int32' | 'bool' | 'string';

export interface TfjsTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  dataSync(): TypedArray;
  readonly dataId: object;
  dispose(): void;
}

/** null = any size. */
export type TfjsShape = readonly (number | null)[];

export interface TfjsTensorInfo {
  readonly name: string;
  readonly dtype: string;
  readonly shape?: TfjsShape | null;
}

export interface TfjsGraphModel {
  readonly inputs: readonly TfjsTensorInfo[];
  readonly outputs: readonly TfjsTensorInfo[];
  /** Throws for graphs with control flow, and says that executeAsync takes them. */
  execute(inputs: Readonly<Record<string, TfjsTensor>>, outputs: readonly string[]): TfjsTensor | TfjsTensor[];
  executeAsync(
    inputs: Readonly<Record<string, TfjsTensor>>,
    outputs: readonly string[],
  ): Promise<TfjsTensor | TfjsTensor[]>;
  dispose(): void;
}

export interface TfjsLayersModel {
  readonly inputs: readonly TfjsTensorInfo[];
  readonly outputs: readonly TfjsTensorInfo[];
  /** Empty of a Sequential, which has them in the model within, once that is built. */
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly model?: TfjsLayersModel;
  build(): void;
  predictOnBatch(inputs: readonly TfjsTensor[]): TfjsTensor | TfjsTensor[];
  dispose(): void;
}

/** One of a profile, whose names are 'MatMul', 'Relu'. A kernel comes after those that it called. */
export interface TfjsKernel {
  readonly name: string;
  readonly outputShapes: readonly (readonly number[])[];
}

export interface TfjsLibrary {
  readonly io: { fileSystem(path: string): unknown };
  loadGraphModel(handler: unknown): Promise<TfjsGraphModel>;
  loadLayersModel(handler: unknown): Promise<TfjsLayersModel>;
  tensor(values: TypedArray | readonly Uint8Array[], shape: readonly number[], dtype: TfjsDType): TfjsTensor;
  /** Its readSync gives the elements' bytes of a string tensor, where the tensor's own methods make text of them. */
  backend(): {
    readSync(dataId: object): readonly Uint8Array[];
    time(kernel: () => void): Promise<{ readonly kernelMs: number }>;
  };
  /** Disposes every tensor that `work` made and did not return. */
  tidy<T>(work: () => T): T;
  /** Runs `work` with every kernel timed by the backend's `time`; what `work` gives is `result`. */
  profile<T>(work: () => T): Promise<{ readonly result: Awaited<T>; readonly kernels: readonly TfjsKernel[] }>;
  memory(): { readonly numTensors: number };
}

/** The library. Throws `load_failed` where it is not there. */
export function openTfjs(intraOpThreads: number): TfjsLibrary {
  // Gone since Node 23; tfjs-node calls them for every tensor.
  const gone = util as unknown as Record<string, unknown>;
  gone['isNullOrUndefined'] ??= (value: unknown) => value === null || value === undefined;
  gone['isArray'] ??= Array.isArray;
  return requireNative<TfjsLibrary>('dist/index.js', intraOpThreads);
}
