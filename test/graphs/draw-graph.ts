/** A model by its seed: inputs, steps, outputs, and the axes that are taken for the rows'. */
import { type GraphDims, type GraphModel, graphModel } from '../support/onnx-graph.ts';
import { Draw } from './draw.ts';
import { type Drawn, type ElementType, GraphDraft, type ModelDraft, ROWS, StepDoesNotFit } from './graph-draft.ts';
import { AXIS_STEPS } from './steps/axis-steps.ts';
import { ELEMENTWISE_STEPS } from './steps/elementwise-steps.ts';
import { graphSteps } from './steps/graph-steps.ts';
import { IMAGE_STEPS } from './steps/image-steps.ts';
import { INDEX_STEPS } from './steps/index-steps.ts';
import { LAYOUT_STEPS } from './steps/layout-steps.ts';
import { MATRIX_STEPS } from './steps/matrix-steps.ts';
import { REPEAT_STEPS } from './steps/repeat-steps.ts';
import type { Step, Steps } from './steps/step.ts';
import { TEXT_STEPS } from './steps/text-steps.ts';
import { TYPE_STEPS } from './steps/type-steps.ts';

/** An input of the graph: rows along `axis`. */
export interface DrawnInput {
  readonly name: string;
  readonly type: ElementType;
  /** With ROWS rows. */
  readonly dims: readonly number[];
  readonly axis: number;
}

export interface DrawnGraph {
  readonly model: GraphModel;
  readonly bytes: Uint8Array;
  readonly inputs: readonly DrawnInput[];
  /** The outputs with the axes that are said to have the rows. */
  readonly outputs: readonly { readonly name: string; readonly axis: number }[];
  /** It runs with ROWS rows alone. */
  readonly isFixed: boolean;
  readonly ops: readonly string[];
}

const PLAIN_FAMILIES = [
  ...[ELEMENTWISE_STEPS, TYPE_STEPS, LAYOUT_STEPS, REPEAT_STEPS, AXIS_STEPS, INDEX_STEPS],
  ...[MATRIX_STEPS, IMAGE_STEPS, TEXT_STEPS],
];
const PLAIN: Steps = Object.assign({}, ...PLAIN_FAMILIES);
const GRAPHS = graphSteps(Object.values(PLAIN));
const STEPS: readonly Step[] = [...Object.values(PLAIN), ...Object.values(GRAPHS)];
const FAMILIES: readonly (readonly Step[])[] = [...PLAIN_FAMILIES, GRAPHS].map((of) => Object.values(of));
const INPUT_TYPES: readonly ElementType[] = [
  'float',
  'float',
  'float',
  'float',
  'int64',
  'int32',
  'uint8',
  'string',
  'string',
  'bool',
];

/** The graph of that seed. */
export function drawGraph(seed: number): DrawnGraph {
  const draw = new Draw(seed);
  const opset = draw.between(7, 21);
  const model: ModelDraft = { draw, functions: [], ops: new Set(), names: 0 };
  const draft = new GraphDraft(model, opset);
  const isFixed = draw.oneIn(10);
  const inputs = Array.from({ length: draw.pick([1, 1, 1, 2, 2, 3]) }, (_, i) => drawInput(draw, `x${i}`, i === 0));
  draft.values.push(...inputs.map(({ name, type, dims }) => ({ name, type, dims, isConstant: false })));
  const own = draw.oneIn(3) ? STEPS : [...draw.pick(FAMILIES), ...draw.pick(FAMILIES)];
  for (let steps = draw.between(1, 7); steps > 0; steps--) take(draft, draw.oneIn(4) ? STEPS : own);
  const outputs = drawOutputs(
    draft,
    inputs.map(({ name }) => name),
  );
  const areFree = draw.oneIn(2);
  const graph: GraphModel = {
    inputs: Object.fromEntries(
      inputs.map((input) => [input.name, { type: input.type, dims: declaredDims(input, isFixed, areFree) }]),
    ),
    outputs: Object.fromEntries(outputs.map(({ name, type }) => [name, { type }])),
    nodes: draft.nodes,
    constants: draft.constants,
    opsets: { '': opset },
    functions: model.functions,
  };
  return { model: graph, bytes: graphModel(graph), inputs, outputs, isFixed, ops: [...model.ops] };
}

function take(draft: GraphDraft, steps: readonly Step[]): void {
  for (let tries = 0; tries < 4; tries++) {
    try {
      draft.draw.pick(steps)(draft);
      return;
    } catch (error) {
      if (!(error instanceof StepDoesNotFit)) throw error;
    }
  }
}

function drawInput(draw: Draw, name: string, isFirst: boolean): DrawnInput {
  const rank = draw.pick([1, 2, 2, 3, 3, 4]);
  const axis = draw.oneIn(3) ? draw.below(rank) : 0;
  const dims = Array.from({ length: rank }, () => (draw.oneIn(40) ? 0 : draw.oneIn(12) ? ROWS : draw.between(1, 4)));
  return {
    name,
    type: isFirst && !draw.oneIn(6) ? 'float' : draw.pick(INPUT_TYPES),
    dims: dims.with(axis, ROWS),
    axis,
  };
}

/** Free dims have no name: those of two inputs may differ. */
function declaredDims({ dims, axis }: DrawnInput, isFixed: boolean, areFree: boolean): GraphDims {
  return dims.map((dim, at) => {
    if (at === axis) return isFixed ? dim : 'N';
    return areFree ? '' : dim;
  });
}

/** The last values that have an axis for the rows; each is given by a node of its own. */
function drawOutputs(draft: GraphDraft, inputs: readonly string[]): (Drawn & { readonly axis: number })[] {
  const { draw } = draft;
  const candidates = draft.values.filter(
    ({ name, dims, isConstant }) => dims.includes(ROWS) && !isConstant && !inputs.includes(name),
  );
  const chosen = candidates.length === 0 ? [draft.values.at(-1)!] : [candidates.at(-1)!];
  if (candidates.length > 2 && draw.oneIn(4)) chosen.push(draw.pick(candidates.slice(0, -1)));
  return chosen.map((value) => {
    const axes = value.dims.flatMap((dim, axis) => (dim === ROWS ? [axis] : []));
    return { ...draft.one('Identity', [value], value.type, value.dims), axis: axes.length === 0 ? 0 : draw.pick(axes) };
  });
}
