/**
 * Graphs whose truth is known by construction: a chain of steps from x to y, each of which keeps the rows of one axis
 * apart or mixes them, and says so. Nothing here knows the rules that judge them.
 */
import { type GraphDims, type GraphModel, node } from './onnx-graph.ts';
import { Chain } from './row-chain.ts';
import { STEPS } from './row-graph-steps.ts';

/** Numbers that a generator draws; a step takes of them what it needs. */
export interface StepPlan {
  readonly kind: number;
  readonly axis: number;
  readonly choice: number;
}

export interface GraphPlan {
  readonly dims: readonly number[];
  readonly at: number;
  readonly opset: number;
  /** All dims are free, not the batch axis alone. */
  readonly isFree: boolean;
  readonly steps: readonly StepPlan[];
}

export interface RowGraph {
  readonly model: GraphModel;
  /** Dims of x and y for ROWS rows. */
  readonly inputDims: readonly number[];
  readonly inputAt: number;
  readonly outputAt: number;
  readonly mixes: boolean;
  /** The steps that were taken, for messages. */
  readonly story: readonly string[];
}

const STEP_NAMES = Object.keys(STEPS);

/** The graph of a plan; steps that do not fit are left out. */
export function rowGraph(plan: GraphPlan): RowGraph {
  const chain = new Chain(plan.dims, plan.at, plan.opset);
  const inputDims = [...chain.dims];
  const inputAt = chain.at;
  for (const { kind, axis, choice } of plan.steps) {
    const name = STEP_NAMES[kind % STEP_NAMES.length]!;
    const along = axis % chain.rank;
    const before = `${name} of axis ${along} [${chain.dims}] rows on ${chain.at}`;
    if (STEPS[name]!(chain, along, choice)) chain.story.push(`${before}${chain.mixes ? ' (mixed)' : ''}`);
  }
  chain.nodes.push(node('Identity', chain.name, 'y'));
  const dims: GraphDims = inputDims.map((dim, i) => (i === inputAt ? 'N' : plan.isFree ? `D${i}` : dim));
  const model: GraphModel = {
    inputs: { x: { type: 'float', dims } },
    outputs: { y: { type: 'float' } },
    nodes: chain.nodes,
    constants: chain.constants,
    opsets: { '': plan.opset },
  };
  return { model, inputDims, inputAt, outputAt: chain.at, mixes: chain.mixes, story: chain.story };
}
