/** Models as functions of numbers, for tests of the proof of batch axes. */

import { numbersOf } from '../../src/core/close-numbers.ts';
import type { DType } from '../../src/core/dtype.ts';
import type { BatchAxis, Signature, TensorSpec } from '../../src/core/signature.ts';
import { PREDICT_METHOD_NAME } from '../../src/core/signature.ts';
import { FLOAT16, toSmallFloat } from '../../src/core/small-float.ts';
import { type NumericTensor, numericTensor, type TensorMap } from '../../src/core/tensor.ts';

/** A matrix as rows of numbers. */
export type Rows = readonly (readonly number[])[];

const spec = (tensorName: string, dtype: DType, shape: readonly number[]): TensorSpec => ({ dtype, shape, tensorName });

/** x [n, 4] → y [n, …]. */
export function signatureOf(
  batchAxis: BatchAxis = { kind: 'dynamic' },
  dtype: DType = 'float32',
  out: readonly number[] = [-1, 4],
): Signature {
  const rows = batchAxis.kind === 'fixed' ? batchAxis.size : -1;
  return {
    inputs: new Map([['x', spec('x', dtype, [rows, 4])]]),
    outputs: new Map([['y', spec('y', dtype, out)]]),
    methodName: PREDICT_METHOD_NAME,
    batchAxis,
  };
}

/** Runs `model` on the rows of x; y has the rows that it returns. */
export function rowRun(model: (x: Rows) => Rows, dtype: 'float16' | 'float32' = 'float32') {
  return async (inputs: TensorMap): Promise<TensorMap> => {
    const x = inputs.get('x') as NumericTensor;
    const [count, width] = x.shape as [number, number];
    const numbers = Array.from(numbersOf(x), Number);
    const y = model(Array.from({ length: count }, (_, i) => numbers.slice(i * width, (i + 1) * width)));
    return new Map([['y', matrix(y, dtype)]]) as TensorMap;
  };
}

export function matrix(rows: Rows, dtype: 'float16' | 'float32'): NumericTensor {
  const flat = rows.flat();
  const array = dtype === 'float16' ? Uint16Array.from(flat, (v) => toSmallFloat(FLOAT16, v)) : Float32Array.from(flat);
  return numericTensor(dtype, [rows.length, rows[0]?.length ?? 0], array);
}
