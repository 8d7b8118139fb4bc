/**
 * Rows of many requests → one batch, and one batch's outputs → the rows of each.
 *
 *   member a  ▓▓▓          ┌───────────┐            ┌───────────┐   a: rows 0–3
 *   member b  ░░     ─────▶│▓▓▓░░▒▒▒▒··│──▶ run ──▶ │▓▓▓░░▒▒▒▒··│   b: rows 3–5     views; padding is dropped
 *   member c  ▒▒▒▒         └───────────┘            └───────────┘   c: rows 5–9
 *                            copied once    padding ··: the first row of the last member, again
 *
 * Each input's rows are copied once, into one buffer from the executor. They are copied even when the batch has a single
 * member: the executor may hand its buffers to another thread, and the request's bytes are not ours to give away.
 * The padding is a real row, not zeros: no model is shown a value that a caller has not sent.
 *
 * A batch that is run whole (Lane.wholeSize) has one member; its tensors are copied and its outputs given back as they
 * are. Pure but for the executor's allocator.
 */
import { bytesPerElement } from '../../core/dtype.ts';
import { ServingError } from '../../core/errors.ts';
import type { Executor } from '../../core/executor.ts';
import { elementCount, formatShape } from '../../core/shape.ts';
import { sliceRows, type Tensor, type TensorMap } from '../../core/tensor.ts';
import { padAlike, type RowShare } from './pad-rows.ts';

export type Allocator = Pick<Executor, 'allocate' | 'release'>;

export interface AssembledInputs {
  readonly inputs: TensorMap;
  /** What was allocated for them: to `release` if no run comes of it. */
  readonly buffers: readonly ArrayBuffer[];
}

/** What of a lane the assembly needs. */
export interface BatchLayout {
  readonly inputNames: readonly string[];
  /** Rows that the runtime will see, ≥ the members' rows; undefined = run whole. */
  readonly size: number | undefined;
  /** The members' rows may differ in shape, and are made alike. */
  readonly isPadded?: boolean;
}

/**
 * Copies the members' rows together, in their order. All have the same dtype and shape beside dim 0 in each input (they
 * are of one lane), or are padded to it. If the allocator throws, what it gave before is released.
 */
export function mergeInputs(shares: readonly RowShare[], layout: BatchLayout, allocator: Allocator): AssembledInputs {
  const members = layout.isPadded === true ? padAlike(shares, layout.inputNames) : shares;
  const inputs = new Map<string, Tensor>();
  const buffers: ArrayBuffer[] = [];
  try {
    for (const name of layout.inputNames) {
      const first = members[0]!.inputs.get(name)!;
      const shape = layout.size === undefined ? first.shape : withRows(first.shape, layout.size);
      if (first.dtype === 'string') {
        inputs.set(name, { dtype: 'string', shape, data: mergeStrings(name, members, elementCount(shape)) });
        continue;
      }
      const byteLength = elementCount(shape) * bytesPerElement(first.dtype);
      const buffer = allocator.allocate(byteLength);
      buffers.push(buffer);
      const data = new Uint8Array(buffer, 0, byteLength);
      mergeBytes(name, members, data);
      inputs.set(name, { dtype: first.dtype, shape, data });
    }
  } catch (thrown) {
    for (const buffer of buffers) allocator.release(buffer);
    throw thrown;
  }
  return { inputs, buffers };
}

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

/**
 * Throws `backend_failed` unless every wanted output is there and, where the batch is cut again (`size` given), has
 * `size` rows: rows that cannot be told apart are given to nobody.
 */
export function checkOutputs(outputs: TensorMap, wanted: readonly string[], size: number | undefined): void {
  for (const name of wanted) {
    const tensor = outputs.get(name);
    if (tensor === undefined) {
      throw new ServingError('backend_failed', `the runtime gave no output "${name}"; leave it out of the request`);
    }
    if (size === undefined || tensor.shape[0] === size) continue;
    throw new ServingError(
      'backend_failed',
      `output "${name}" has shape ${formatShape(tensor.shape)}, but the batch had ${size} rows, so dim 0 must be ${size}; ` +
        'export the model so that dim 0 of every output is the batch, or ask for other outputs',
    );
  }
}

/** Rows `start` to `end` of the wanted outputs, as views, in the order wanted. The outputs have been checked. */
export function sliceOutputs(outputs: TensorMap, wanted: readonly string[], start: number, end: number): TensorMap {
  const slice = new Map<string, Tensor>();
  for (const name of wanted) slice.set(name, sliceRows(outputs.get(name)!, start, end));
  return slice;
}

function withRows(shape: readonly number[], rows: number): readonly number[] {
  if (shape[0] === rows) return shape;
  const changed = shape.slice();
  changed[0] = rows;
  return changed;
}
