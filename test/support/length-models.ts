/**
 * A model of sequences as a function, for tests of requests of different lengths: it embeds tokens, adds the mean of
 * those that the mask counts to each, and gives that mean.
 *
 *   ids, mask  int64 [batch, length]  ──▶  hidden  float32 [batch, length, 2]    pooled  float32 [batch, 2]
 */
import { type LengthPadding, PREDICT_METHOD_NAME, type Signature, type TensorSpec } from '../../src/core/signature.ts';
import { elements, type NumericTensor, numericTensor, type TensorMap, zerosOf } from '../../src/core/tensor.ts';

const WIDTH = 2;

function spec(tensorName: string, dtype: 'int64' | 'float32', ...dims: readonly (string | number)[]): TensorSpec {
  return {
    dtype,
    shape: dims.map((dim) => (typeof dim === 'string' ? -1 : dim)),
    dimNames: dims.map((dim) => (typeof dim === 'string' ? dim : '')),
    tensorName,
  };
}

export const LENGTH_SIGNATURE: Signature = {
  inputs: new Map(['ids', 'mask'].map((name) => [name, spec(name, 'int64', 'batch', 'length')])),
  outputs: new Map([
    ['hidden', spec('hidden', 'float32', 'batch', 'length', WIDTH)],
    ['pooled', spec('pooled', 'float32', 'batch', WIDTH)],
  ]),
  methodName: PREDICT_METHOD_NAME,
  batchAxis: { kind: 'dynamic' },
};

const ZERO = { dims: [1], value: zerosOf('int64', []) };

export const LENGTH_PADDING: LengthPadding = {
  inputs: new Map([
    ['ids', ZERO],
    ['mask', ZERO],
  ]),
  outputs: new Map([['hidden', [1]]]),
  most: Infinity,
};

/** Requests of different lengths share runs. */
export const PADDED_SIGNATURE: Signature = { ...LENGTH_SIGNATURE, padding: LENGTH_PADDING };

/** Rows of one length; the mask counts all of them. */
export function sequences(rows: readonly (readonly number[])[]): TensorMap {
  const shape = [rows.length, rows[0]!.length];
  const ids = rows.flat();
  return new Map([
    ['ids', numericTensor('int64', shape, BigInt64Array.from(ids, BigInt))],
    [
      'mask',
      numericTensor(
        'int64',
        shape,
        BigInt64Array.from(ids, () => 1n),
      ),
    ],
  ]);
}

export interface SequenceModel {
  /** It pools all tokens, whatever the mask says. */
  readonly ignoresMask?: boolean;
}

export function runSequences(inputs: TensorMap, { ignoresMask = false }: SequenceModel = {}): TensorMap {
  const ids = inputs.get('ids') as NumericTensor;
  const [rows, length] = ids.shape as [number, number];
  const tokens = Array.from(elements(ids), Number);
  const mask = Array.from(elements(inputs.get('mask') as NumericTensor), Number);
  const hidden = new Float32Array(rows * length * WIDTH);
  const pooled = new Float32Array(rows * WIDTH);
  for (let row = 0; row < rows; row++) {
    const own = tokens.slice(row * length, (row + 1) * length).map(embedded);
    const counts = mask.slice(row * length, (row + 1) * length).map((each) => (ignoresMask ? 1 : each));
    const total = counts.reduce((sum, each) => sum + each, 0);
    for (let i = 0; i < WIDTH; i++) {
      const mean = own.reduce((sum, token, at) => sum + token[i]! * counts[at]!, 0) / total;
      pooled[row * WIDTH + i] = mean;
      for (const [at, token] of own.entries()) hidden[(row * length + at) * WIDTH + i] = token[i]! + mean;
    }
  }
  return new Map([
    ['hidden', numericTensor('float32', [rows, length, WIDTH], hidden)],
    ['pooled', numericTensor('float32', [rows, WIDTH], pooled)],
  ]);
}

function embedded(token: number): readonly number[] {
  return [Math.sin(token + 1), Math.cos(2 * token)];
}
