/** FeatureSpecs for tests, and the Examples that @bufbuild/protobuf makes for them. */
import { Buffer } from 'node:buffer';
import type { DType } from '../../src/core/dtype.ts';
import { type FeatureSpec, kindsFor } from '../../src/core/feature-spec.ts';
import type { Shape } from '../../src/core/shape.ts';
import { elements, type Tensor } from '../../src/core/tensor.ts';
import { encode, type Fields } from './proto-registry.ts';

export function featureSpec(name: string, dtype: DType, shape: Shape, more: Partial<FeatureSpec> = {}): FeatureSpec {
  return { name, input: name, kind: kindsFor(dtype)[0]!, dtype, shape, filler: undefined, isText: false, ...more };
}

/** A feature's values: floats are numbers, integers bigints, strings strings; [] holds nothing. */
export type FeatureInput = readonly number[] | readonly bigint[] | readonly string[];

/** tensorflow.Example as the official library writes it. */
export function exampleBytes(features: Readonly<Record<string, FeatureInput>>): Uint8Array {
  return encode('tensorflow.Example', { features: { feature: mapFeatures(features) } });
}

function mapFeatures(features: Readonly<Record<string, FeatureInput>>): Fields {
  return Object.fromEntries(Object.entries(features).map(([name, values]) => [name, { kind: kindOf(values) }]));
}

function kindOf(values: FeatureInput): unknown {
  if (values.length === 0) return { case: undefined };
  if (typeof values[0] === 'number') return { case: 'floatList', value: { value: [...values] } };
  if (typeof values[0] === 'bigint') return { case: 'int64List', value: { value: [...values] } };
  return { case: 'bytesList', value: { value: (values as readonly string[]).map((text) => Buffer.from(text)) } };
}

/** Elements as JavaScript has them; strings as text. */
export function valuesOf(tensor: Tensor | undefined): unknown[] {
  if (tensor === undefined) return [];
  if (tensor.dtype === 'string') return tensor.data.map((bytes) => Buffer.from(bytes).toString());
  return [...elements(tensor)];
}
