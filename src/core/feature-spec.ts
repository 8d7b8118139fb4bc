/**
 * How one feature of a tf.Example becomes one input tensor: what tf.io.FixedLenFeature says, with the dtype that the
 * runtime wants besides.
 *
 *   examples (n)        {pixels: [0, 3, …]}, {pixels: [5, 0, …]}, …
 *   FeatureSpec         name "pixels", kind float32, shape [64]      → input "pixels"
 *   tensor              float32 [n, 64]
 *
 * A first dim of -1 is what FixedLenSequenceFeature says: an example may hold any number of such rows; shorter ones are
 * padded with `filler` up to the longest of the request.
 */
import type { DType } from './dtype.ts';
import { elementCount, type Shape } from './shape.ts';
import type { Tensor } from './tensor.ts';

/** What a Feature holds: a FloatList, an Int64List, a BytesList. */
export const FEATURE_KINDS = ['float32', 'int64', 'string'] as const;
export type FeatureKind = (typeof FEATURE_KINDS)[number];

export interface FeatureSpec {
  /** Its key in the Example. */
  readonly name: string;
  /** The input that it fills. */
  readonly input: string;
  /** What is wanted in the Example. A `float32` takes integers too: JSON writes 1.0 as 1. */
  readonly kind: FeatureKind;
  /** Of the input's tensor. */
  readonly dtype: DType;
  /** Of one example; only dim 0 may be -1. */
  readonly shape: Shape;
  /**
   * Of the input's dtype: what an example has that lacks the feature (elements of `shape`); where dim 0 is -1, the one
   * element to pad with. Undefined = the feature is required; of a padded one 0 or "" pads.
   */
  readonly filler: Tensor | undefined;
  /** The runtime takes UTF-8 without NUL alone. */
  readonly isText: boolean;
}

/** Kinds that an input of this dtype may be filled from, the usual one first. */
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

/** May examples hold different numbers of rows of it? */
export function isPadded(spec: FeatureSpec): boolean {
  return spec.shape[0] === -1;
}

/** Elements of one example, or of one row of it where those are padded. */
export function elementsPerRow(spec: FeatureSpec): number {
  return elementCount(isPadded(spec) ? spec.shape.slice(1) : spec.shape);
}
