/** The runtimes without the server: what their public APIs answer to the very tensors of a request. */
import { Buffer } from 'node:buffer';
import { typedArrayOf } from '../../src/core/dtype.ts';
import { elements, type Tensor, type TensorMap } from '../../src/core/tensor.ts';
import { InferenceSession, Tensor as OrtTensor } from '../../src/internals/ort-library.ts';

export interface RuntimeAlone {
  run(inputs: TensorMap): Promise<TensorMap>;
  close(): Promise<void>;
}

const LOG_FATAL_ONLY = 4;

/** Opens an ONNX model with one thread, as the server does. Outputs that are not tensors are left out. */
export async function openOnnx(file: string): Promise<RuntimeAlone> {
  const session = await InferenceSession.create(file, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: LOG_FATAL_ONLY,
  });
  const outputs = session.outputMetadata.filter(({ isTensor }) => isTensor).map(({ name }) => name);
  return {
    run: async (inputs) => {
      const feeds = Object.fromEntries([...inputs].map(([name, tensor]) => [name, toOrt(tensor)]));
      const results = await session.run(feeds, outputs);
      return new Map(outputs.map((name) => [name, fromOrt(results[name] as OrtTensor)]));
    },
    close: () => session.release(),
  };
}

function toOrt(tensor: Tensor): OrtTensor {
  if (tensor.dtype === 'string') {
    return new OrtTensor(
      'string',
      tensor.data.map((bytes) => new TextDecoder().decode(bytes)),
      tensor.shape,
    );
  }
  const data = elements(tensor);
  // On a Node with Float16Array, the library would make one that its binding cannot read.
  if (tensor.dtype === 'float16') return { type: 'float16', dims: tensor.shape, location: 'cpu', data } as never;
  return new OrtTensor(tensor.dtype as 'float32', data as Float32Array, tensor.shape);
}

function fromOrt({ type, dims, data }: OrtTensor): Tensor {
  if (type === 'string') {
    const texts = data as readonly string[];
    return { dtype: 'string', shape: dims, data: texts.map((text) => new TextEncoder().encode(text)) };
  }
  const { buffer, byteOffset, byteLength } = data as ArrayBufferView;
  const dtype = type as Exclude<typeof type, 'string' | 'int4' | 'uint4'>;
  return { dtype, shape: dims, data: new Uint8Array(buffer, byteOffset, byteLength) };
}

/** Puts tensors one after the other along dim `axis`. They are of one dtype and differ in that dim alone. */
export function concatenate(tensors: readonly Tensor[], axis: number): Tensor {
  const [first] = tensors as readonly [Tensor];
  const shape = [...first.shape];
  shape[axis] = tensors.reduce((sum, tensor) => sum + tensor.shape[axis]!, 0);
  const outer = first.shape.slice(0, axis).reduce((product, dim) => product * dim, 1);
  const parts = Array.from({ length: outer }, (_, i) => tensors.map((tensor) => slab(tensor, outer, i))).flat();
  if (first.dtype === 'string') return { dtype: 'string', shape, data: parts.flat() as Uint8Array[] };
  return { dtype: first.dtype, shape, data: Buffer.concat(parts as Uint8Array[]) };
}

/** The part of `concatenate`'s result that was a tensor with `size` in dim `axis`, from `start` there. */
export function section(tensor: Tensor, axis: number, start: number, size: number): Tensor {
  const outer = tensor.shape.slice(0, axis).reduce((product, dim) => product * dim, 1);
  const shape = [...tensor.shape];
  shape[axis] = size;
  const parts = Array.from({ length: outer }, (_, i) => {
    const whole = slab(tensor, outer, i);
    const step = whole.length / tensor.shape[axis]!;
    return whole.slice(start * step, (start + size) * step);
  });
  if (tensor.dtype === 'string') return { dtype: 'string', shape, data: parts.flat() as Uint8Array[] };
  return { dtype: tensor.dtype, shape, data: Buffer.concat(parts as Uint8Array[]) };
}

function slab({ data }: Tensor, outer: number, i: number): Uint8Array | readonly Uint8Array[] {
  const step = data.length / outer;
  return data.slice(i * step, (i + 1) * step);
}

/** A tensor with all its elements made by `value`, which is given their place. */
export function filled(
  dtype: Exclude<Tensor['dtype'], 'string'>,
  shape: readonly number[],
  value: (i: number) => number,
): Tensor {
  const count = shape.reduce((product, dim) => product * dim, 1);
  const array = new (typedArrayOf(dtype))(count);
  if (array instanceof BigInt64Array || array instanceof BigUint64Array) {
    for (let i = 0; i < count; i++) array[i] = BigInt(Math.round(value(i)));
  } else for (let i = 0; i < count; i++) array[i] = value(i);
  return { dtype, shape, data: new Uint8Array(array.buffer) };
}
