/** What the value of an output says of the rows. */
import type { RowVerdict } from '../backend.ts';
import { isSameSize, ONE } from './size.ts';
import type { Value } from './value.ts';

/** `fails`: the runtime refuses to run it. */
export type Verdict = RowVerdict | { readonly kind: 'fails'; readonly reason: string };

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
