/** The used part of tfjs-node's JavaScript API. It is loaded with the first model of TensorFlow.js. */
import util from 'node:util';
import type { TypedArray } from '../../core/dtype.ts';
import { requireNative } from './native-binding.ts';

/** The types that TensorFlow.js computes with. */
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
  /** Throws for graphs with control flow; the error's text names executeAsync. */
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
  /** Empty in a Sequential, whose inner `model` has them once it is built. */
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly model?: TfjsLayersModel;
  build(): void;
  predictOnBatch(inputs: readonly TfjsTensor[]): TfjsTensor | TfjsTensor[];
  dispose(): void;
}

/** A kernel in a profile: 'MatMul', 'Relu'. It comes after the kernels that it called. */
export interface TfjsKernel {
  readonly name: string;
  readonly outputShapes: readonly (readonly number[])[];
}

export interface TfjsLibrary {
  readonly io: { fileSystem(path: string): unknown };
  loadGraphModel(handler: unknown): Promise<TfjsGraphModel>;
  loadLayersModel(handler: unknown): Promise<TfjsLayersModel>;
  tensor(values: TypedArray | readonly Uint8Array[], shape: readonly number[], dtype: TfjsDType): TfjsTensor;
  /** `readSync` returns the bytes of a string tensor's elements, which the tensor's own methods convert to text. */
  backend(): {
    readSync(dataId: object): readonly Uint8Array[];
    time(kernel: () => void): Promise<{ readonly kernelMs: number }>;
  };
  /** Disposes of all tensors that `work` creates and does not return. */
  tidy<T>(work: () => T): T;
  /** Runs `work` and times each kernel by the backend's `time`; `result` is the value of `work`. */
  profile<T>(work: () => T): Promise<{ readonly result: Awaited<T>; readonly kernels: readonly TfjsKernel[] }>;
  memory(): { readonly numTensors: number };
}

/** Throws `load_failed` if the library is not installed. */
export function openTfjs(intraOpThreads: number): TfjsLibrary {
  // Node 23 removed them; tfjs-node calls them for every tensor.
  const gone = util as unknown as Record<string, unknown>;
  gone['isNullOrUndefined'] ??= (value: unknown) => value === null || value === undefined;
  gone['isArray'] ??= Array.isArray;
  return requireNative<TfjsLibrary>('dist/index.js', intraOpThreads);
}
