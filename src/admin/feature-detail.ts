/** One feature of a tf.Example, as GET /models/NAME shows it. */
import { isUtf8 } from 'node:buffer';
import type { DType } from '../core/dtype.ts';
import { type FeatureKind, type FeatureSpec, isPadded } from '../core/feature-spec.ts';
import { elementCount } from '../core/shape.ts';
import { BFLOAT16, FLOAT16, fromSmallFloat } from '../core/small-float.ts';
import { elements, type Tensor } from '../core/tensor.ts';
import { omitUndefined } from './omit-undefined.ts';

/** The values of a longer default are not shown. */
const MOST_DEFAULT_ELEMENTS = 1024;

export interface FeatureDetail {
  readonly name: string;
  /** The kind of list in the example: FloatList, Int64List, BytesList. */
  readonly kind: FeatureKind;
  /** The shape of one example; a first −1 means any number of such rows. */
  readonly shape: readonly number[];
  /** An example may lack it. */
  readonly is_optional: boolean;
  /**
   * The value of an example that lacks it: one value if all are equal, else all, flat. For a feature with any number of
   * rows: the padding of shorter examples. Integers beyond 2^53 are text. Absent: there is none, or it cannot be shown.
   */
  readonly default?: DefaultValue | readonly DefaultValue[];
}

type DefaultValue = number | string;

const FLOAT32_DIGITS = 7;

export function featureDetail(spec: FeatureSpec): FeatureDetail {
  const { name, kind, shape, filler } = spec;
  const isOptional = filler !== undefined || isPadded(spec);
  return omitUndefined({ name, kind, shape, is_optional: isOptional, default: filler && defaultOf(filler) });
}

function defaultOf(filler: Tensor): FeatureDetail['default'] {
  const count = elementCount(filler.shape);
  if (count === 0 || count > MOST_DEFAULT_ELEMENTS) return undefined;
  const values = valuesOf(filler);
  if (values === undefined) return undefined;
  const [first] = values;
  return values.every((value) => value === first) ? first : values;
}

/** Undefined if the bytes are not text. */
function valuesOf(filler: Tensor): readonly DefaultValue[] | undefined {
  if (filler.dtype !== 'string') {
    return Array.from(elements(filler) as ArrayLike<number | bigint>, (value) => plain(filler.dtype, value));
  }
  if (!filler.data.every((bytes) => isUtf8(bytes))) return undefined;
  return filler.data.map((bytes) => new TextDecoder().decode(bytes));
}

/** The number as people write it: 0.1 and not the nearest float32. */
function plain(dtype: DType, value: number | bigint): DefaultValue {
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value.toString();
  }
  const small = dtype === 'float16' ? FLOAT16 : dtype === 'bfloat16' ? BFLOAT16 : undefined;
  const number = small === undefined ? value : fromSmallFloat(small, value);
  if (!Number.isFinite(number)) return String(number);
  return dtype === 'float32' || small !== undefined ? Number(number.toPrecision(FLOAT32_DIGITS)) : number;
}
