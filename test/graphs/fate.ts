/** What became of one graph: as counts and as text. */
import type { CheckedGraph } from './check-graph.ts';
import { graphText } from './graph-text.ts';

/** What happened to one graph: a verdict, or for `rows` what the runs gave. */
export type Fate = 'mixed' | 'undecided' | 'rows, same' | 'rows, refused' | 'rows, unstable' | 'rows, WRONG';

export interface ChunkReport {
  readonly number: number;
  readonly fate: Fate;
  readonly ops: readonly string[];
  /** A wrong one, for people. */
  readonly text: string | undefined;
}

export function fateOf({ verdict, comparison }: CheckedGraph): Fate {
  if (verdict !== 'rows') return verdict;
  const { outcome } = comparison!;
  return outcome === 'wrong' ? 'rows, WRONG' : `rows, ${outcome}`;
}

/** For people: the graph, the verdict and the difference. */
export function checkedText(checked: CheckedGraph): string {
  const { graph, verdict, reason, comparison } = checked;
  const difference = comparison !== undefined && 'says' in comparison ? `\n${comparison.says}` : '';
  return `${graphText(graph)}\njudged ${verdict}: ${reason}${difference}`;
}
