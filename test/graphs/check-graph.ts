/** One drawn graph: what the judge says of it, and, where it says `rows`, what the runtime does. */
import { rmSync, writeFileSync } from 'node:fs';
import { judgeGraph } from '../../src/backends/onnx/graph/judge-graph.ts';
import { type Comparison, compareRows } from './compare-rows.ts';
import { type DrawnGraph, drawGraph } from './draw-graph.ts';

export interface CheckedGraph {
  readonly graph: DrawnGraph;
  readonly verdict: 'rows' | 'mixed' | 'undecided';
  readonly reason: string;
  /** Undefined for other verdicts than `rows`. */
  readonly comparison: Comparison | undefined;
}

/** `file` is written over. */
export async function checkGraph(seed: number, file: string): Promise<CheckedGraph> {
  const graph = drawGraph(seed);
  writeFileSync(file, graph.bytes);
  try {
    const axes = new Map([...graph.inputs, ...graph.outputs].map(({ name, axis }) => [name, axis]));
    const { kind, reason } = await judgeGraph(file, axes);
    const comparison = kind === 'rows' ? await compareRows(graph, seed) : undefined;
    return { graph, verdict: kind, reason, comparison };
  } finally {
    rmSync(file);
  }
}
