/**
 * Copies the rows of many requests into one batch, and cuts the batch's outputs into the rows of each.
 *
 *   member a  ▓▓▓          ┌───────────┐            ┌───────────┐   a: rows 0–3
 *   member b  ░░     ─────▶│▓▓▓░░▒▒▒▒··│──▶ run ──▶ │▓▓▓░░▒▒▒▒··│   b: rows 3–5     views; padding is dropped
 *   member c  ▒▒▒▒         └───────────┘            └───────────┘   c: rows 5–9
 *                            copied once    padding ··: the first row of the last member, again
 *
 * Each input's rows are copied once, into one buffer from the executor. A single member's are, too: the executor may move
 * its buffers to another thread, but the request's bytes must stay here. An inline one does not, so that its batch has the
 * request's own tensor where that is large and aligned. The padding is a real row, not zeros: no model sees a value that no caller has sent.
 *
 * Rows at another dim than 0 are interleaved by axis-copy.ts. An input that is the same for all members is copied from the
 * first one.
 *
 * A batch that is run whole (Lane.wholeSize) has one member; its tensors are copied and its outputs returned as they
 * are. Pure except for the executor's allocator.
 */
import { bytesPerElement } from '../../core/dtype.ts';
import { ServingError } from '../../core/errors.ts';
import { ALLOCATED_ALIGNMENT, type Executor } from '../../core/executor.ts';
import { elementCount, formatShape, withRows } from '../../core/shape.ts';
import { axisOf, type BatchAxes } from '../../core/signature.ts';
import { type NumericTensor, sliceRows, type Tensor, type TensorMap } from '../../core/tensor.ts';
import { IN_PLACE_BYTES } from '../tuning.ts';
import { copyRowsTogether, sliceAlong } from './axis-copy.ts';
import { type PaddedLength, padRows, type RowShare } from './pad-rows.ts';

export type Allocator = Pick<Executor, 'allocate' | 'release' | 'isInline' | 'isElsewhere'>;

/** The part of a lane that assembly needs. */
export interface BatchLayout {
  readonly inputNames: readonly string[];
  /** Rows that the runtime will see, at least the members' rows; undefined = run whole. */
  readonly size: number | undefined;
  /** Set where the members differ in length, and are padded to this one. */
  readonly padTo?: PaddedLength | undefined;
  /** The field of the same name of SignaturePlan. */
  readonly axes?: BatchAxes | undefined;
}

/**
 * Copies the members' rows together, in their order. All are of one lane: in each input they have the same dtype and
 * the same shape beside dim 0, or are padded to one length. Release the inputs if the batch does not run. If the allocator
 * throws, what it gave before is released.
 */
export function mergeInputs(shares: readonly RowShare[], layout: BatchLayout, allocator: Allocator): TensorMap {
  const members = layout.padTo === undefined ? shares : padRows(shares, layout.padTo);
  const { size } = layout;
  const inputs = new Map<string, Tensor>();
  try {
    for (const name of layout.inputNames) {
      const first = members[0]!.inputs.get(name)!;
      const declared = layout.axes === undefined ? 0 : axisOf(layout.axes, name);
      const isAsItIs = size === undefined || declared === 'same';
      const axis = isAsItIs ? 0 : declared;
      const shape = isAsItIs ? first.shape : withRows(first.shape, axis, size);
      const givers = declared === 'same' ? members.slice(0, 1) : members;
      if (first.dtype === 'string') {
        const data =
          axis === 0 ? mergeStrings(name, givers, elementCount(shape)) : new Array<Uint8Array>(elementCount(shape));
        if (axis !== 0) copyRowsTogether(tensorsOf(name, givers), axis, size!, data);
        inputs.set(name, { dtype: 'string', shape, data });
        continue;
      }
      const byteLength = elementCount(shape) * bytesPerElement(first.dtype);
      if (byteLength >= IN_PLACE_BYTES && members.length === 1 && isReadInPlace(first, byteLength, allocator)) {
        inputs.set(name, first);
        continue;
      }
      const data = new Uint8Array(allocator.allocate(byteLength), 0, byteLength);
      inputs.set(name, { dtype: first.dtype, shape, data });
      if (axis === 0) mergeBytes(name, givers, data);
      else copyRowsTogether(tensorsOf(name, givers), axis, size!, data);
    }
  } catch (thrown) {
    releaseInputs(inputs, allocator);
    throw thrown;
  }
  return inputs;
}

/** A lone member's tensor is all of the batch's, and aligned as by `allocate`; the executor leaves it where it is. */
function isReadInPlace({ data }: NumericTensor, byteLength: number, { isInline, isElsewhere }: Allocator): boolean {
  if (isInline !== true || isElsewhere === true) return false;
  return data.byteLength === byteLength && data.byteOffset % ALLOCATED_ALIGNMENT === 0;
}

/** Returns the memory of inputs that `mergeInputs` made. */
export function releaseInputs(inputs: TensorMap, allocator: Allocator): void {
  for (const { dtype, data } of inputs.values()) if (dtype !== 'string') allocator.release(data.buffer as ArrayBuffer);
}

/** Joins rows at dim 0. Missing bytes are padding. */
function mergeBytes(name: string, members: readonly RowShare[], into: Uint8Array): void {
  let at = 0;
  let lastStart = 0;
  for (const member of members) {
    const data = member.inputs.get(name)!.data as Uint8Array;
    lastStart = at;
    into.set(data, at);
    at += data.byteLength;
  }
  if (at === into.byteLength) return;
  const rowBytes = (at - lastStart) / members[members.length - 1]!.rows;
  for (; at < into.byteLength; at += rowBytes) into.copyWithin(at, lastStart, lastStart + rowBytes);
}

/** Joins strings at dim 0. */
function mergeStrings(name: string, members: readonly RowShare[], count: number): readonly Uint8Array[] {
  const merged: Uint8Array[] = [];
  for (const member of members) {
    for (const element of member.inputs.get(name)!.data as readonly Uint8Array[]) merged.push(element);
  }
  const last = members[members.length - 1]!;
  const lastData = last.inputs.get(name)!.data as readonly Uint8Array[];
  const perRow = lastData.length / last.rows;
  for (let i = 0; merged.length < count; i = (i + 1) % perRow) merged.push(lastData[i]!);
  return merged;
}

function tensorsOf(name: string, members: readonly RowShare[]): readonly Tensor[] {
  return members.map(({ inputs }) => inputs.get(name)!);
}

/** Throws `backend_failed` unless every wanted output exists. Returns undefined, as `misfitOf` where there is none. */
export function checkOutputs(outputs: TensorMap, wanted: readonly string[]): undefined {
  for (const name of wanted) if (!outputs.has(name)) throw missingOutput(name);
}

function missingOutput(name: string): ServingError {
  return new ServingError('backend_failed', `the runtime gave no output "${name}"; leave it out of the request`);
}

/**
 * Why the outputs cannot be divided among the members of a batch of `size` rows; undefined = they can. Throws as
 * `checkOutputs` does.
 */
export function misfitOf(
  outputs: TensorMap,
  wanted: readonly string[],
  size: number,
  axes: BatchAxes | undefined,
): string | undefined {
  for (const name of wanted) {
    const tensor = outputs.get(name);
    if (tensor === undefined) throw missingOutput(name);
    const { shape } = tensor;
    const axis = axes === undefined ? 0 : axisOf(axes, name);
    if (axis !== 'same' && shape[axis] === size) continue;
    return `output "${name}" has shape ${formatShape(shape)} in a run of ${size} rows, so dim ${axis} is not its batch axis`;
  }
  return undefined;
}

/** Rows `start` to `end` of the wanted outputs, in the order of `wanted`. They have no misfit. */
export function sliceOutputs(
  outputs: TensorMap,
  wanted: readonly string[],
  start: number,
  end: number,
  axes?: BatchAxes,
): TensorMap {
  const slice = new Map<string, Tensor>();
  for (const name of wanted) {
    const tensor = outputs.get(name)!;
    const rows =
      axes === undefined ? sliceRows(tensor, start, end) : sliceAlong(tensor, numberOf(axes, name), start, end);
    slice.set(name, rows);
  }
  return slice;
}

function numberOf(axes: BatchAxes, name: string): number {
  return axisOf(axes, name) as number;
}
