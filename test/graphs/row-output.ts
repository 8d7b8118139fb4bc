/**
 * One row of an output, and when two of them count as the same: floats may differ by a share of their usual magnitude,
 * since a runtime adds them in another order at another number of rows; all else must be equal. NaN equals NaN. The
 * magnitude of an element is that in the other rows, and at least a hundredth of the output's largest.
 */
import type { Tensor } from '../../src/internals/ort-library.ts';

export interface RowOutput {
  readonly type: Tensor['type'];
  readonly dims: readonly number[];
  readonly values: readonly (number | bigint | string)[];
}

/** The largest difference that counts as the same, relative to the magnitude. */
const TOLERANCE: Readonly<Partial<Record<Tensor['type'], number>>> = { float32: 5e-4, float64: 1e-6 };
const SMALLEST_SHARE = 0.01;

/** The magnitudes of an output's elements; undefined where values must be equal. */
export type Magnitudes = readonly number[] | undefined;

/** The elements of one place of an axis. An output that cannot be cut there is given as a whole, as no row is. */
export function rowAt(output: Tensor, axis: number, place: number, count: number): RowOutput {
  const { type, dims } = output;
  const values = [...(output.data as Iterable<number | bigint | string>)];
  // Without elements there is nothing to be mixed: a loop of no rounds gives no dims of the rows.
  if (dims.includes(0)) return { type, dims: [0], values };
  if (dims[axis] !== count) return { type, dims: [...dims, count], values };
  const inner = dims.slice(axis + 1).reduce((a, b) => a * b, 1);
  return { type, dims: dims.with(axis, 1), values: values.filter((_, i) => Math.floor(i / inner) % count === place) };
}

/** `rows` have one type, and are of one output. */
export function magnitudesOf(rows: readonly RowOutput[]): Magnitudes {
  const [first] = rows;
  if (first === undefined || TOLERANCE[first.type] === undefined) return undefined;
  const sizes = rows.map(({ values }) =>
    values.map((value) => Math.abs(Number(value))).map((size) => (size < Infinity ? size : 0)),
  );
  const largest = sizes.flat().reduce((most, size) => Math.max(most, size), 0);
  return first.values.map((_, i) => Math.max(SMALLEST_SHARE * largest, ...sizes.map((row) => row[i] ?? 0)));
}

/** Whether two rows are the same; without magnitudes also floats must be equal. */
export function isSameRow(wanted: RowOutput, found: RowOutput, magnitudes: Magnitudes): boolean {
  if (wanted.type !== found.type || wanted.dims.join() !== found.dims.join()) return false;
  const tolerance = TOLERANCE[wanted.type] ?? 0;
  return wanted.values.every((value, i) => {
    const other = found.values[i]!;
    if (Object.is(value, other) || value === other) return true;
    return magnitudes !== undefined && Math.abs(Number(value) - Number(other)) <= tolerance * magnitudes[i]!;
  });
}

/** Whether numbers, also those of texts, are the same but for a rounding of float32. */
export function isCloseRow(wanted: RowOutput, found: RowOutput, magnitudes: Magnitudes): boolean {
  if (isSameRow(wanted, found, magnitudes)) return true;
  const [numbers, others] = [wanted, found].map(({ values }) =>
    values.map((value) => Number.parseFloat(String(value))),
  );
  const isClose = (number: number, i: number) =>
    Math.abs(number - others![i]!) <= 1e-5 * Math.max(0.1, Math.abs(number));
  return numbers!.length === others!.length && numbers!.every(isClose);
}

/** The rows of several outputs, for people. */
export function shown(row: readonly RowOutput[]): string {
  return row.map(({ type, dims, values }) => `${type}[${dims}] {${values.slice(0, 12).join(' ')}}`).join(' and ');
}
