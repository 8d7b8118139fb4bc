/** The kinds of form fields for an input, by its dtype and shape, and their values. Pure. */
import type { SignatureDetail, TensorDetail } from '../../../../admin/model-detail.ts';
import { inexact } from './exact-json.ts';

export type InputKind = 'image' | 'text' | 'numbers' | 'json';

/** The layout of an image's pixels. `flat` is a row of height × width grey values. */
export interface ImagePlan {
  readonly layout: 'hwc' | 'chw' | 'hw' | 'flat';
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** The size of a side that the model leaves open. */
const USUAL_SIDE = 224;
const LEAST_SIDE = 4;
const MOST_NUMBERS = 4096;
const NOT_OF_JSON = /^-?(?:nan|inf|infinity)$/i;

/** The shape of one row, or of the whole input if rows share no batch. Undefined = any rank; −1 = any size. */
export function rowShape({ shape }: TensorDetail, batch: SignatureDetail['batch']): readonly number[] | undefined {
  return batch === 'none' ? shape : shape?.slice(1);
}

/** The best kind first; 'json', which always works, last. */
export function kindsOf(tensor: TensorDetail, batch: SignatureDetail['batch']): readonly InputKind[] {
  const shape = rowShape(tensor, batch);
  if (tensor.dtype === 'string') return isOneValue(shape) ? ['text', 'json'] : ['json'];
  const kinds: InputKind[] = [];
  const numbers = shape !== undefined && shape.length <= 1 && elements(shape) <= MOST_NUMBERS;
  const isImage = imagePlan(tensor, batch) !== undefined;
  if (isImage) kinds.push('image');
  if (numbers) kinds.push('numbers');
  return [...kinds, 'json'];
}

/** Undefined if the input is not an image. */
export function imagePlan(tensor: TensorDetail, batch: SignatureDetail['batch']): ImagePlan | undefined {
  let shape = rowShape(tensor, batch);
  const { picture = [USUAL_SIDE, USUAL_SIDE] } = tensor;
  if (tensor.dtype === 'string' || tensor.dtype === 'bool' || shape === undefined) return undefined;
  // The first dimension is a batch of one.
  if (shape.length === 4 && (shape[0] === 1 || shape[0] === -1)) shape = shape.slice(1);
  const [a = 0, b = 0, c = 0] = shape;
  if (shape.length === 3 && isChannels(c) && isSide(a) && isSide(b)) return plan('hwc', [a, b], c, picture);
  if (shape.length === 3 && isChannels(a) && isSide(b) && isSide(c)) return plan('chw', [b, c], a, picture);
  if (tensor.picture !== undefined && shape.length === 1) return plan('flat', tensor.picture, 1, picture);
  if (shape.length === 2 && isSide(a) && isSide(b) && (tensor.picture !== undefined || (a > 0 && b > 0))) {
    return plan('hw', [a, b], 1, picture);
  }
  const side = Math.sqrt(a);
  if (shape.length === 1 && side >= LEAST_SIDE && Number.isInteger(side) && isSquareImage(side)) {
    return plan('flat', [side, side], 1, picture);
  }
  return undefined;
}

/** The first value of a field: zeros or empty strings in the input's shape. */
export function blank(tensor: TensorDetail, batch: SignatureDetail['batch']): unknown {
  const leaf = tensor.dtype === 'string' ? '' : tensor.dtype === 'bool' ? false : 0;
  const build = (shape: readonly number[]): unknown => {
    const [size, ...rest] = shape;
    return size === undefined ? leaf : Array.from({ length: Math.min(size === -1 ? 1 : size, 64) }, () => build(rest));
  };
  return build(rowShape(tensor, batch) ?? []);
}

/** A sample's row in the input's own depth: one of a batch of one loses that dim, or gets it. */
export function fitted(value: unknown, shape: readonly number[] | undefined): unknown {
  if (shape === undefined) return value;
  const depth = depthOf(value);
  if (depth === shape.length - 1) return [value];
  return depth === shape.length + 1 && (value as unknown[]).length === 1 ? (value as unknown[])[0] : value;
}

function depthOf(value: unknown): number {
  return Array.isArray(value) ? 1 + depthOf(value[0]) : 0;
}

/** "1, 2 3" → [1, 2, 3], or one number for a scalar. Throws an Error for people. */
export function parseNumbers(
  text: string,
  shape: readonly number[] | undefined,
  dtype: string,
): number | readonly number[] {
  const words = text.split(/[\s,;]+/).filter((word) => word !== '');
  const numbers = words.map((word) => {
    const value = Number(word);
    if (Number.isNaN(value) && !NOT_OF_JSON.test(word)) throw new Error(`"${word}" is no number`);
    const reason = inexact(word, dtype);
    if (reason !== undefined) throw new Error(reason);
    return value;
  });
  const wanted = shape?.length === 0 ? 1 : shape?.[0];
  if (wanted !== undefined && wanted !== -1 && numbers.length !== wanted) {
    throw new Error(`${numbers.length} numbers are here, ${wanted} are wanted`);
  }
  return shape?.length === 0 ? numbers[0]! : numbers;
}

/** Sides that the shape leaves open are those of `picture`. */
function plan(
  layout: ImagePlan['layout'],
  [height, width]: readonly [number, number],
  channels: number,
  picture: readonly [number, number],
): ImagePlan {
  return { layout, height: height === -1 ? picture[0] : height, width: width === -1 ? picture[1] : width, channels };
}

/** 64 = 8 × 8 and 784 = 28 × 28 are often images; 16 and 100 are not. */
function isSquareImage(side: number): boolean {
  return side === 8 || side >= 14;
}

function isSide(size: number): boolean {
  return size === -1 || size >= LEAST_SIDE;
}

function isChannels(size: number): boolean {
  return size === 1 || size === 3;
}

function isOneValue(shape: readonly number[] | undefined): boolean {
  return shape?.every((size) => size === 1) ?? false;
}

function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * Math.abs(size), 1);
}
