/** Predict bodies → tensors, as plain values that a table can hold. */
import { Buffer } from 'node:buffer';
import { readInputs } from '../../src/codec/json/json-inputs.ts';
import { PredictBodyScanner } from '../../src/codec/json/predict-body.ts';
import type { DType } from '../../src/core/dtype.ts';
import type { Shape } from '../../src/core/shape.ts';
import type { Signature } from '../../src/core/signature.ts';
import { elements, type Tensor } from '../../src/core/tensor.ts';
import { signature, spec } from './puppet-models.ts';

export interface PlainTensor {
  readonly shape: Shape;
  /** Numbers, bigints or, for strings, latin1 text. */
  readonly values: readonly (number | bigint | string)[];
}

/** A signature whose inputs are of any shape, where `shapes` has none for them. */
export function inputsOf(
  dtypes: Readonly<Record<string, DType>>,
  shapes: Readonly<Record<string, Shape>> = {},
): Signature {
  const inputs = Object.fromEntries(Object.entries(dtypes).map(([name, dtype]) => [name, spec(dtype, shapes[name])]));
  return signature(inputs, { y: spec('float32', undefined) });
}

const scanner = new PredictBodyScanner();

/** The tensors that `text` gives for these inputs; throws what the scanner throws. Strings are sent as latin1 bytes. */
export function readBody(
  text: string,
  dtypes: Readonly<Record<string, DType>>,
  shapes: Readonly<Record<string, Shape>> = {},
): Record<string, PlainTensor> {
  const bytes = Buffer.from(text, 'latin1');
  const body = scanner.scan(bytes);
  const tensors = readInputs(scanner, body, inputsOf(dtypes, shapes));
  scanner.release();
  // The memory was only lent: the tensors must be whole without it.
  bytes.fill(0xff);
  return Object.fromEntries([...tensors].map(([name, tensor]) => [name, plainTensor(tensor)]));
}

/** The one tensor of a body for the input x. */
export function readX(text: string, dtype: DType): PlainTensor {
  return readBody(text, { x: dtype })['x']!;
}

export function plainTensor(tensor: Tensor): PlainTensor {
  const { shape } = tensor;
  if (tensor.dtype === 'string')
    return { shape, values: tensor.data.map((bytes) => Buffer.from(bytes).toString('latin1')) };
  return { shape, values: [...(elements(tensor) as Iterable<number | bigint>)] };
}
