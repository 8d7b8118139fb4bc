/**
 * How one feature of a tf.Example becomes one input tensor: tf.io.FixedLenFeature, with the dtype that the runtime
 * wants.
 *
 *   examples (n)        {pixels: [0, 3, …]}, {pixels: [5, 0, …]}, …
 *   FeatureSpec         name "pixels", kind float32, shape [64]      → input "pixels"
 *   tensor              float32 [n, 64]
 *
 * A first dim of -1 makes it tf.io.FixedLenSequenceFeature: an example may hold any number of rows, and shorter
 * examples are padded with `filler` up to the longest of the request.
 */
import type { DType } from './dtype.ts';
import { elementCount, type Shape } from './shape.ts';
import type { Tensor } from './tensor.ts';

/** The list of a Feature: FloatList, Int64List, BytesList. */
export const FEATURE_KINDS = ['float32', 'int64', 'string'] as const;
export type FeatureKind = (typeof FEATURE_KINDS)[number];

export interface FeatureSpec {
  /** Its key in the Example. */
  readonly name: string;
  /** The input that it fills. */
  readonly input: string;
  /** The list that an Example must hold. `float32` accepts integers too: JSON writes 1.0 as 1. */
  readonly kind: FeatureKind;
  /** The dtype of the input's tensor. */
  readonly dtype: DType;
  /** The shape of one example; only dim 0 may be -1. */
  readonly shape: Shape;
  /**
   * The default of an example without the feature, with elements of `shape` and the input's dtype. Where dim 0 is -1,
   * it is the one element to pad with. Undefined: the feature is required, and padding is 0 or "".
   */
  readonly filler: Tensor | undefined;
  /** The runtime accepts only UTF-8 without NUL. */
  readonly isText: boolean;
}

/** The kinds that may fill an input of this dtype, the usual one first. */
export function kindsFor(dtype: DType): readonly FeatureKind[] {
  switch (dtype) {
    case 'string':
      return ['string'];
    case 'float32':
    case 'float64':
    case 'float16':
    case 'bfloat16':
      return ['float32', 'int64'];
    case 'int8':
    case 'int16':
    case 'int32':
    case 'int64':
    case 'uint8':
    case 'uint16':
    case 'uint32':
    case 'uint64':
    case 'bool':
      return ['int64'];
  }
}

/** May examples hold different numbers of rows? */
export function isPadded(spec: FeatureSpec): boolean {
  return spec.shape[0] === -1;
}

/** The elements of one example, or of one row where rows are padded. */
export function elementsPerRow(spec: FeatureSpec): number {
  return elementCount(isPadded(spec) ? spec.shape.slice(1) : spec.shape);
}
