/**
 * Splits a request that has more rows than one run may have, and joins its outputs again.
 *
 *   rows  0 ───────── 64 ───────── 128 ── 150        max 64
 *         │  part 0   │   part 1   │ part 2 │        the last may share a batch with other requests
 *
 * Splitting makes views, joining copies once. The parts have the request's deadline, and fail together
 * (pending-request.ts). Pure.
 */
import { ServingError } from '../../core/errors.ts';
import { formatShape } from '../../core/shape.ts';
import { sliceRows, type Tensor, type TensorMap } from '../../core/tensor.ts';
import { MAX_PARTS } from '../tuning.ts';

/** Throws `too_large` for a request that would take more than MAX_PARTS runs. */
export function checkPartCount(rows: number, maxRows: number): void {
  const parts = Math.ceil(rows / maxRows);
  if (parts <= MAX_PARTS) return;
  throw new ServingError(
    'too_large',
    `the request has ${rows} rows, ${parts} runs of at most ${maxRows}; ` +
      `send at most ${MAX_PARTS * maxRows} rows at once`,
  );
}

/** Rows `start` to `end` of every input, as views. */
export function cutInputs(inputs: TensorMap, start: number, end: number): TensorMap {
  const part = new Map<string, Tensor>();
  for (const [name, tensor] of inputs) part.set(name, sliceRows(tensor, start, end));
  return part;
}

/**
 * Joins the parts' outputs along dim 0. Every tensor has rank ≥ 1. Throws `backend_failed` if parts differ in dtype or
 * beside dim 0 (an output whose other dims depend on the data).
 */
export function joinOutputs(parts: readonly TensorMap[]): TensorMap {
  const joined = new Map<string, Tensor>();
  for (const name of parts[0]!.keys()) {
    joined.set(
      name,
      joinTensors(
        name,
        parts.map((part) => part.get(name)!),
      ),
    );
  }
  return joined;
}

function joinTensors(name: string, tensors: readonly Tensor[]): Tensor {
  const first = tensors[0]!;
  let rows = 0;
  for (const tensor of tensors) {
    if (!isSameBesideRows(first, tensor)) throw partsDiffer(name, first, tensor);
    rows += tensor.shape[0]!;
  }
  const shape = [rows, ...first.shape.slice(1)];
  if (first.dtype === 'string') {
    return { dtype: 'string', shape, data: (tensors as readonly (typeof first)[]).flatMap((tensor) => tensor.data) };
  }
  const numeric = tensors as readonly (typeof first)[];
  let bytes = 0;
  for (const tensor of numeric) bytes += tensor.data.byteLength;
  const data = new Uint8Array(bytes);
  let at = 0;
  for (const tensor of numeric) {
    data.set(tensor.data, at);
    at += tensor.data.byteLength;
  }
  return { dtype: first.dtype, shape, data };
}

function isSameBesideRows(a: Tensor, b: Tensor): boolean {
  if (a.dtype !== b.dtype || a.shape.length !== b.shape.length) return false;
  for (let i = 1; i < a.shape.length; i++) if (a.shape[i] !== b.shape[i]) return false;
  return true;
}

function partsDiffer(name: string, a: Tensor, b: Tensor): ServingError {
  const show = (tensor: Tensor): string => `${tensor.dtype} ${formatShape(tensor.shape)}`;
  return new ServingError(
    'backend_failed',
    `output "${name}" is ${show(a)} in one run of this request and ${show(b)} in another, so they cannot be joined; ` +
      'send fewer rows, so that one run holds them',
  );
}
