/**
 * Is an answer right? It is equal to the runtime's answer to the same request alone, bit for bit; or it differs by no
 * more than twice of what the runtime itself does between a request alone and the same request in a batch with others,
 * which `batchArithmetic` measures: kernels add in another order for another number of rows.
 *
 * That excuse ends at MOST_OF_SCALE. Where the runtime's own answers differ by more, that is no order of additions: the
 * rows influence each other, as where all share one scale of a dynamic quantization. Then only equal answers are right.
 */
import { Buffer } from 'node:buffer';
import { FLOAT16, fromSmallFloat } from '../../src/core/small-float.ts';
import { elements, type Tensor, type TensorMap } from '../../src/core/tensor.ts';
import type { Question } from './callers.ts';
import { concatenate, type RuntimeAlone, section } from './runtime-alone.ts';

/** Relative to the largest value of the output. */
const MOST_OF_SCALE = { float16: 2 ** -6, other: 2 ** -10 } as const;
/** Each of 2 to 64 once, small and large ones by turns: the time may end before them. */
const BATCH_ROWS = Array.from({ length: 63 }, (_, i) => 2 + ((i * 38) % 63));
/** Not every request is tried at every place of every batch. */
const MARGIN = 2;
/** Of the inputs of one batch: more is no batch that a sidecar's memory is for. */
const MAX_BATCH_BYTES = 2 ** 27;

/** Largest difference by the name of the output; Infinity where no number tells it. Empty = equal bit for bit. */
export type Differences = ReadonlyMap<string, number>;

export function differences(expected: TensorMap, actual: TensorMap): Differences {
  const found = new Map<string, number>();
  for (const name of new Set([...expected.keys(), ...actual.keys()])) {
    const size = difference(expected.get(name), actual.get(name));
    if (size > 0) found.set(name, size);
  }
  return found;
}

function difference(a: Tensor | undefined, b: Tensor | undefined): number {
  if (a === undefined || b === undefined || a.dtype !== b.dtype || a.data.length !== b.data.length) return Infinity;
  if (a.shape.length !== b.shape.length || a.shape.some((dim, i) => dim !== b.shape[i])) return Infinity;
  if (a.dtype === 'string' || b.dtype === 'string') {
    const other = b.data as readonly Uint8Array[];
    return (a.data as readonly Uint8Array[]).every((text, i) => Buffer.compare(text, other[i]!) === 0) ? 0 : Infinity;
  }
  if (Buffer.compare(a.data, b.data) === 0) return 0;
  const [x, y] = [numbers(a), numbers(b)];
  const isExact = !a.dtype.startsWith('float');
  let largest = 0;
  for (let i = 0; i < x.length; i++) {
    if (Object.is(x[i], y[i])) continue;
    const size = Math.abs(x[i]! - y[i]!);
    // Labels and counts are right or wrong; so is whatever is not finite. 0 and -0 are told apart, as the least there is.
    largest = Math.max(largest, isExact || Number.isNaN(size) ? Infinity : size || Number.MIN_VALUE);
  }
  return largest;
}

function numbers(tensor: Exclude<Tensor, { dtype: 'string' }>): ArrayLike<number> {
  const array = elements(tensor);
  if (tensor.dtype === 'float16') return Array.from(array as Uint16Array, (bits) => fromSmallFloat(FLOAT16, bits));
  return array instanceof BigInt64Array || array instanceof BigUint64Array ? Array.from(array, Number) : array;
}

/** Where the rows of an input or output are. Default: dim 0 of each. `same`: it has none and is equal in all requests. */
export type RowAxes = Readonly<Record<string, number | 'same'>>;

export class Bounds {
  readonly #bounds = new Map<string, number>();
  readonly #caps = new Map<string, number>();

  constructor(questions: readonly Question[]) {
    for (const { expected } of questions) {
      for (const [name, tensor] of expected) this.#caps.set(name, Math.max(this.#caps.get(name) ?? 0, capOf(tensor)));
    }
  }

  add(found: Differences): void {
    for (const [name, size] of found) this.#bounds.set(name, Math.max(this.#bounds.get(name) ?? 0, size));
  }

  /** Of the outputs together. */
  get largest(): number {
    return Math.max(0, ...[...this.#bounds.keys()].map((name) => this.#of(name)));
  }

  allow(found: Differences): boolean {
    return [...found].every(([name, size]) => size <= this.#of(name));
  }

  #of(name: string): number {
    const measured = this.#bounds.get(name) ?? 0;
    return measured > (this.#caps.get(name) ?? 0) ? 0 : MARGIN * measured;
  }
}

function capOf(tensor: Tensor): number {
  if (tensor.dtype === 'string' || !tensor.dtype.startsWith('float')) return 0;
  let scale = 0;
  for (const value of Array.from(numbers(tensor))) if (Number.isFinite(value)) scale = Math.max(scale, Math.abs(value));
  return scale * (tensor.dtype === 'float16' ? MOST_OF_SCALE.float16 : MOST_OF_SCALE.other);
}

/** What the runtime's answers to `questions` differ by when it computes several of them as one batch. */
export async function batchArithmetic(
  runtime: RuntimeAlone,
  questions: readonly Question[],
  axes: RowAxes,
  untilMs: number,
): Promise<Bounds> {
  const bounds = new Bounds(questions);
  const withRows = questions.filter(({ inputs }) => rowsOf(inputs, axes) > 0);
  const alike = groups(withRows, axes);
  for (const [turn, rows] of BATCH_ROWS.entries()) {
    for (const group of alike) {
      if (Date.now() > untilMs) return bounds;
      const batch = take(group, rows, turn, axes);
      const bytes = batch.flatMap(({ inputs }) => [...inputs.values()]).reduce((sum, { data }) => sum + data.length, 0);
      if (bytes < MAX_BATCH_BYTES) for (const found of await inCompany(runtime, batch, axes)) bounds.add(found);
    }
  }
  return bounds;
}

const axisOf = (axes: RowAxes, name: string): number | 'same' => axes[name] ?? 0;

/** Questions that may share a run: their inputs differ in the rows alone. */
function groups(questions: readonly Question[], axes: RowAxes): readonly (readonly Question[])[] {
  const alike = new Map<string, Question[]>();
  for (const question of questions) {
    const key = JSON.stringify(
      [...question.inputs].map(([name, { shape, data }]) => {
        const axis = axisOf(axes, name);
        return axis === 'same' ? [name, shape, ...data] : shape.map((dim, i) => (i === axis ? 'rows' : dim));
      }),
    );
    alike.set(key, [...(alike.get(key) ?? []), question]);
  }
  return [...alike.values()];
}

/** As many questions as make `rows` rows, or one more than fits, from another one on in each turn. */
function take(questions: readonly Question[], rows: number, turn: number, axes: RowAxes): readonly Question[] {
  const taken: Question[] = [];
  let sum = 0;
  for (let i = 0; sum < rows; i++) {
    const question = questions[(turn * 5 + i) % questions.length]!;
    taken.push(question);
    sum += rowsOf(question.inputs, axes);
  }
  return taken;
}

function rowsOf(tensors: TensorMap, axes: RowAxes): number {
  for (const [name, { shape }] of tensors) {
    const axis = axisOf(axes, name);
    if (axis !== 'same') return shape[axis]!;
  }
  throw new Error('no input has rows');
}

async function inCompany(
  runtime: RuntimeAlone,
  batch: readonly Question[],
  axes: RowAxes,
): Promise<readonly Differences[]> {
  const [first] = batch as readonly [Question];
  const inputs = new Map(
    [...first.inputs].map(([name, tensor]) => {
      const axis = axisOf(axes, name);
      return [
        name,
        axis === 'same'
          ? tensor
          : concatenate(
              batch.map((each) => each.inputs.get(name)!),
              axis,
            ),
      ];
    }),
  );
  const outputs = await runtime.run(inputs).catch(() => undefined);
  if (outputs === undefined) return [];
  let start = 0;
  return batch.map((question) => {
    const rows = rowsOf(question.inputs, axes);
    const own = new Map(
      [...outputs].map(([name, tensor]) => {
        const axis = axisOf(axes, name);
        return [name, axis === 'same' ? tensor : section(tensor, axis, start, rows)];
      }),
    );
    start += rows;
    return differences(question.expected, own);
  });
}
