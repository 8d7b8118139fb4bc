/**
 * Chooses, of tasks whose rows differ in length, those that should share the next run with the first one. All rows of a
 * run are as long as its longest, so a long one among short ones makes the run longer.
 *
 *   by length   ▏▏▎▎▎▎ │ ▌▌▌▋▋        one run    11 × ▋
 *                      └ cut           two runs    6 × ▎ + 5 × ▋     taken where that is less
 *
 * The tasks are cut in two at the length where two runs cost least, if they cost less than one; then the part with the
 * first task again. Pure.
 */
import type { RunCost } from '../latency/thread-curves.ts';

export interface RowsOfLength {
  readonly rows: number;
  readonly length: number;
}

/** `tasks` has at least one; `most` are the rows of a full batch. Each cut takes O(n log n). */
export function groupOfFirst<T extends RowsOfLength>(tasks: readonly T[], most: number, cost: RunCost): ReadonlySet<T> {
  const first = tasks[0]!;
  let group = [...tasks].sort((a, b) => a.length - b.length);
  for (;;) {
    const cut = cheapestCut(group, most, cost);
    if (cut === undefined) return new Set(group);
    group = first.length < group[cut]!.length ? group.slice(0, cut) : group.slice(cut);
  }
}

/** The index of the first task of the second part; undefined = one run costs no more. `group` is ordered by length. */
function cheapestCut(group: readonly RowsOfLength[], most: number, cost: RunCost): number | undefined {
  const longest = group.at(-1)!.length;
  let rows = 0;
  for (const task of group) rows += task.rows;
  let least = runsCost(rows, longest, most, cost);
  let cut: number | undefined;
  let before = 0;
  for (let i = 1; i < group.length; i++) {
    const shorter = group[i - 1]!;
    before += shorter.rows;
    if (shorter.length === group[i]!.length) continue;
    const ms = runsCost(before, shorter.length, most, cost) + runsCost(rows - before, longest, most, cost);
    if (ms >= least) continue;
    least = ms;
    cut = i;
  }
  return cut;
}

/** Full runs and a rest. */
function runsCost(rows: number, length: number, most: number, cost: RunCost): number {
  const rest = rows % most;
  const full = (rows - rest) / most;
  return (full === 0 ? 0 : full * cost(most, length)) + (rest === 0 ? 0 : cost(rest, length));
}
