/** What a profile of ops adds up to: which kinds of op, and which nodes, take the time of a run. */
import type { OpProfile, OpTime } from '../../backends/op-profile.ts';

export interface OpRow {
  /** The node's name; absent in the table by kind. */
  readonly node?: string;
  readonly op: string;
  readonly calls: number;
  readonly total_ms: number;
  /** Of all ops' time. */
  readonly share: number;
}

export interface OpTables {
  readonly by_op: readonly OpRow[];
  readonly by_node: readonly OpRow[];
}

/** Longest first, at most `limit` rows each. */
export function topOps({ runs }: OpProfile, limit: number): OpTables {
  const ops = runs.flatMap((run) => run.ops);
  const wholeMs = ops.reduce((sum, { durationMs }) => sum + durationMs, 0);
  const by = (keyOf: (op: OpTime) => string, withNode: boolean): OpRow[] => {
    const groups = new Map<string, { first: OpTime; calls: number; totalMs: number }>();
    for (const op of ops) {
      const group = groups.get(keyOf(op)) ?? { first: op, calls: 0, totalMs: 0 };
      group.calls += 1;
      group.totalMs += op.durationMs;
      groups.set(keyOf(op), group);
    }
    return [...groups.values()]
      .sort((a, b) => b.totalMs - a.totalMs)
      .slice(0, limit)
      .map(({ first, calls, totalMs }) => ({
        ...(withNode && { node: first.node }),
        ...{ op: first.op, calls, total_ms: totalMs, share: wholeMs === 0 ? 0 : totalMs / wholeMs },
      }));
  };
  return { by_op: by(({ op }) => op, false), by_node: by(({ node }) => node, true) };
}
