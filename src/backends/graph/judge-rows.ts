/**
 * How a graph of any format is judged: its inputs become values, a walk follows them, and what its outputs are tells
 * whether rows stay apart. Conditions that no request changes, but that are not known, are taken for true and for false.
 */
import type { BatchAxes } from '../../core/signature.ts';
import type { RowVerdict } from '../backend.ts';
import { UndecidedModel } from './limits.ts';
import { Fork, type Names } from './node-call.ts';
import { BATCH, dimSymbol, isSameSize, ONE, type Size, sizeOf } from './size.ts';
import { plainAxis, rows, same, type Value } from './value.ts';

/** `fails`: the runtime refuses to run it. */
export type Verdict = RowVerdict | { readonly kind: 'fails'; readonly reason: string };

/** The conditions that are taken for true or false, by their keys. */
export type Assumed = ReadonlyMap<string, boolean>;

export interface JudgedInput {
  readonly name: string;
  /** A number is a fixed dim, undefined any other; without dims the rank is free. */
  readonly dims: readonly (number | undefined)[] | undefined;
}

/** Conditions that may be assumed; the graph is followed up to twice as often for each. */
const MOST_ASSUMED = 4;

/** The verdict of `judge`. Never rejects: a graph that cannot be read or followed is undecided. */
export async function rowVerdict(judge: () => Promise<Verdict>): Promise<RowVerdict> {
  try {
    const verdict = await judge();
    return verdict.kind === 'fails' ? { kind: 'undecided', reason: verdict.reason } : verdict;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return { kind: 'undecided', reason: error instanceof UndecidedModel ? reason : `it cannot be read: ${reason}` };
  }
}

/** Follows the graph once, or again for both values of each condition with which `follow` rejects as a Fork. */
export async function judgeAssuming(
  follow: (assumed: Assumed) => Promise<Verdict>,
  assumed: Assumed = new Map(),
): Promise<Verdict> {
  try {
    return await follow(assumed);
  } catch (error) {
    if (!(error instanceof Fork)) throw error;
    if (assumed.size === MOST_ASSUMED) return { kind: 'undecided', reason: 'it has more branches than are followed' };
    const verdicts: Verdict[] = [];
    for (const value of [true, false]) {
      verdicts.push(await judgeAssuming(follow, new Map(assumed).set(error.condition.key, value)));
    }
    return worstOf(verdicts);
  }
}

/** The number of rows, where `axes` has the batch axis of inputs whose is not dim 0. Throws UndecidedModel if they differ. */
export function batchOf(inputs: readonly JudgedInput[], axes: BatchAxes): Size {
  const sizes = new Set<number | undefined>();
  for (const { name, dims } of inputs) {
    const axis = axes.get(name) ?? 0;
    if (axis !== 'same') sizes.add(dims?.[axis]);
  }
  if (sizes.size > 1) throw new UndecidedModel('its inputs have different fixed numbers of rows');
  const [first] = sizes;
  return first === undefined ? BATCH : sizeOf(first);
}

/** An input that should have the rows on `axis`; `same` = none. */
export function inputValue({ name, dims }: JudgedInput, axis: number | 'same', batch: Size, names: Names): Value {
  const sizes = dims?.map((dim) => (dim === undefined ? dimSymbol(names.next()) : sizeOf(dim)));
  if (axis === 'same') return same(sizes);
  if (sizes?.[axis] !== undefined) return rows(sizes.with(axis, batch), plainAxis(axis));
  const why = sizes === undefined ? 'has any rank' : `has no dim ${axis}`;
  return { kind: 'lost', verdict: 'undecided', reason: `input "${name}" ${why}` };
}

/** A verdict that holds whichever of the conditions there are; one that fails gives no answer to be wrong. */
export function worstOf(verdicts: readonly Verdict[]): Verdict {
  const [first] = verdicts;
  const found = ['mixed', 'undecided', 'rows'].map((kind) => verdicts.find((verdict) => verdict.kind === kind));
  return found.find((verdict) => verdict !== undefined) ?? first!;
}

/** Judges an output that should have the rows on `axis`; `same` = none. */
export function outputVerdict(name: string, value: Value | undefined, axis: number | 'same'): Verdict {
  const mixed = (reason: string): Verdict => ({ kind: 'mixed', reason: `output "${name}" ${reason}` });
  if (value === undefined) return { kind: 'undecided', reason: `no node gives output "${name}"` };
  switch (value.kind) {
    case 'lost':
      return { kind: value.verdict, reason: value.reason };
    case 'counts':
      return mixed('has the number of rows as a value');
    case 'same':
      return axis === 'same'
        ? { kind: 'rows', reason: '' }
        : mixed('does not depend on the rows: it has no batch axis');
    case 'rows':
      if (axis === 'same' || value.axis.at !== axis) return mixed(`has the rows on axis ${value.axis.at}, not ${axis}`);
      if (isSameSize(value.axis.inner, ONE) && isSameSize(value.axis.outer, ONE)) return { kind: 'rows', reason: '' };
      return mixed(`has more than one index for each row on axis ${axis}`);
  }
}
