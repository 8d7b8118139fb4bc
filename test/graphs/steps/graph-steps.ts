/** If, Loop, Scan and functions: steps whose graphs are drawn by steps of their own. */

import type { Graph, GraphAttribute, GraphNode } from '../../support/onnx-graph.ts';
import { sizeNumber } from '../drawn-sizes.ts';
import { type Drawn, type ElementType, GraphDraft, misfit, StepDoesNotFit } from '../graph-draft.ts';
import { cast, floatValue, ofType, someAxis, squeeze } from '../operands.ts';
import type { Step, Steps } from './step.ts';

const MOST_DEPTH = 3;

/** A graph's input or output tells its rank. */
function declared(value: Drawn) {
  return { type: value.type, dims: value.dims.map(() => '') };
}

function asGraph(draft: GraphDraft, inputs: readonly Drawn[], outputs: readonly Drawn[]): Graph {
  const named = (values: readonly Drawn[]) => Object.fromEntries(values.map((value) => [value.name, declared(value)]));
  return { inputs: named(inputs), outputs: named(outputs), nodes: draft.nodes, constants: draft.constants };
}

function inner(draft: GraphDraft): GraphDraft {
  if (draft.depth >= MOST_DEPTH) throw misfit();
  return new GraphDraft(draft.model, draft.opset, draft);
}

/** Steps of a chain from `from`; what cannot be drawn is left out. */
function drawInside(draft: GraphDraft, steps: readonly Step[], count: number): void {
  for (let i = 0; i < count; i++) {
    try {
      draft.draw.pick(steps)(draft);
    } catch (error) {
      if (!(error instanceof StepDoesNotFit)) throw error;
    }
  }
}

/** A value in the graph that looks like `like`: a late one, or one that is made of it. */
function alike(draft: GraphDraft, like: Drawn): Drawn {
  const found = draft.values.filter(({ type, dims }) => type === like.type && dims.join() === like.dims.join());
  const value = found.at(-1) ?? like;
  return draft.one('Identity', [value], like.type, like.dims);
}

function condition(draft: GraphDraft): Drawn {
  const { draw } = draft;
  switch (draw.below(4)) {
    case 0:
      return draft.constant('bool', [], [draw.below(2)]);
    case 1: {
      const value = draft.some(({ dims }) => dims.length > 0);
      const size = squeeze(draft, sizeNumber(draft, draw.pick(value.dims)), 0);
      return draft.one('Equal', [size, draft.scalar(draw.pick(value.dims))], 'bool', []);
    }
    case 2: {
      const ofConstant = draft.constant('float', [2], [draw.pick([-1, 1]), 0.5]);
      const sum = draft.one('ReduceMax', [ofConstant], 'float', [], { keepdims: 0 });
      return draft.one('Not', [cast(draft, sum, 'bool')], 'bool', []);
    }
    default: {
      const x = floatValue(draft, ({ dims }) => dims.length > 0 && !dims.includes(0));
      return cast(draft, draft.one('ReduceMax', [x], 'float', [], { keepdims: 0 }), 'bool');
    }
  }
}

function branch(steps: readonly Step[]): Step {
  return (draft) => {
    const x = floatValue(draft);
    const given = condition(draft);
    const graphs = [inner(draft), inner(draft)].map((of) => {
      drawInside(of, steps, draft.draw.between(1, 3));
      return asGraph(of, [], [alike(of, x)]);
    });
    const attributes = { then_branch: { graph: graphs[0]! }, else_branch: { graph: graphs[1]! } };
    draft.one('If', [given], 'float', x.dims, attributes);
  };
}

/** An input of a graph. */
function parameter(draft: GraphDraft, type: ElementType, dims: readonly number[], isConstant = false): Drawn {
  const value = { name: draft.fresh(), type, dims, isConstant };
  draft.values.push(value);
  return value;
}

function loop(steps: readonly Step[]): Step {
  return (draft) => {
    const { draw } = draft;
    const states = Array.from({ length: draw.between(1, 2) }, () => ofType(draft, ['float', 'float', 'int64']));
    const body = inner(draft);
    const round = parameter(body, 'int64', [], true);
    const goesOn = parameter(body, 'bool', [], true);
    const carried = states.map(({ type, dims }) => parameter(body, type, dims));
    drawInside(body, steps, draw.between(1, 3));
    const next = carried.map((state) => alike(body, state));
    const isScanned = draw.oneIn(2);
    const seen = isScanned ? [body.one('Identity', [next[0]!], next[0]!.type, next[0]!.dims)] : [];
    const on = body.one('Identity', [draw.oneIn(12) ? condition(body) : goesOn], 'bool', []);
    const graph = asGraph(body, [round, goesOn, ...carried], [on, ...next, ...seen]);
    const trips = draw.pick([0, 1, 2, 3]);
    const count = draw.oneIn(3) ? squeeze(draft, sizeNumber(draft, trips), 0) : draft.scalar(trips);
    const first = draw.oneIn(3) ? undefined : draft.constant('bool', [], [draw.oneIn(6) ? 0 : 1]);
    const results = [...states, ...seen.map((value) => ({ ...value, dims: [trips, ...value.dims] }))];
    draft.add(
      'Loop',
      [count, first, ...states],
      results.map(({ type, dims }) => ({ type, dims })),
      { body: { graph } },
    );
  };
}

function scan(steps: readonly Step[]): Step {
  return (draft) => {
    if (draft.opset < 9) throw misfit();
    const { draw } = draft;
    const x = floatValue(draft, ({ dims }) => dims.length > 1 && !dims.includes(0));
    const axis = someAxis(draft, x);
    const state = floatValue(draft);
    const body = inner(draft);
    const carried = parameter(body, 'float', state.dims);
    const slice = parameter(body, 'float', x.dims.toSpliced(axis, 1));
    drawInside(body, steps, draw.between(1, 3));
    const next = alike(body, carried);
    const seen = body.one('Identity', [draw.oneIn(2) ? slice : next], 'float', (draw.oneIn(2) ? slice : next).dims);
    const real = body.nodes.at(-1)!.inputs[0] === slice.name ? slice.dims : next.dims;
    const graph = asGraph(body, [carried, slice], [next, { ...seen, dims: real }]);
    const outputAxis = draw.below(real.length + 1);
    const isReverse = draw.below(2);
    const attributes: Record<string, GraphAttribute> = {
      body: { graph },
      num_scan_inputs: 1,
      scan_input_axes: [axis],
      scan_output_axes: [draw.oneIn(3) ? outputAxis - real.length - 1 : outputAxis],
      scan_input_directions: [isReverse],
      scan_output_directions: [draw.below(2)],
    };
    const stacked = real.toSpliced(outputAxis, 0, x.dims[axis]!);
    draft.add(
      'Scan',
      [state, x],
      [
        { type: 'float', dims: state.dims },
        { type: 'float', dims: stacked },
      ],
      attributes,
    );
  };
}

/** Attributes that may stand for those of the call. */
const REFERRED = ['axis', 'keepdims', 'perm', 'axes', 'exclusive', 'transA', 'transB', 'to', 'blocksize', 'upper'];

/** A function of the model: some of its numbers are those of the call, or have a value for calls that give none. */
function called(steps: readonly Step[]): Step {
  return (draft) => {
    if (draft.depth > 1 || draft.model.functions.length > 3) throw misfit();
    const { draw } = draft;
    const given = Array.from({ length: draw.between(1, 2) }, () => floatValue(draft));
    const body = new GraphDraft(draft.model, draft.opset, undefined, true);
    const inputs = given.map(({ type, dims, isConstant }) => parameter(body, type, dims, isConstant));
    drawInside(body, draft.depth === 0 ? [...steps, ...steps, called(steps)] : steps, draw.between(1, 4));
    const made = body.values.filter(
      ({ type, name }) => type === 'float' && !inputs.some((input) => input.name === name),
    );
    const outputs = made.slice(-2);
    if (outputs.length === 0) throw misfit();
    const attributes: Record<string, GraphAttribute> = {};
    const nodes = body.nodes.map((of) => withReferences(draft, of, attributes));
    const isDefault = draw.oneIn(3) && draft.opset >= 13;
    const domain = 'drawn';
    const name = `F${draft.model.functions.length}${draft.fresh()}`;
    const names = (values: readonly Drawn[]) => values.map((value) => value.name);
    const calls = draft.model.functions.length > 0 ? [domain] : [];
    const whose = isDefault ? { defaults: attributes } : { attributes: Object.keys(attributes) };
    draft.model.functions.push({
      domain,
      name,
      inputs: names(inputs),
      outputs: names(outputs),
      nodes,
      opset: draft.opset,
      calls,
      ...whose,
    });
    draft.add(
      name,
      given,
      outputs.map(({ type, dims }) => ({ type, dims })),
      isDefault ? {} : attributes,
      domain,
    );
    draft.model.ops.delete(`${domain}.${name}`);
    draft.model.ops.add('function');
  };
}

/** The node with references in place of some numbers, whose values are put into `attributes`. */
function withReferences(draft: GraphDraft, node: GraphNode, attributes: Record<string, GraphAttribute>): GraphNode {
  const own: Record<string, GraphAttribute> = { ...node.attributes };
  for (const [key, value] of Object.entries(own)) {
    if (!REFERRED.includes(key) || !draft.draw.oneIn(2)) continue;
    const isList = Array.isArray(value);
    if (typeof value !== 'number' && !isList) continue;
    const name = `${key}_${Object.keys(attributes).length}`;
    attributes[name] = value;
    own[key] = { reference: name, kind: isList ? 'ints' : 'int' };
  }
  return { ...node, attributes: own };
}

/** Their graphs are drawn by `steps`, and by these steps themselves. */
export function graphSteps(steps: readonly Step[]): Steps {
  const nested = (make: (of: readonly Step[]) => Step): Step => {
    const plain = make(steps);
    return make([...steps, ...steps, ...steps, plain]);
  };
  return { branch: nested(branch), loop: nested(loop), scan: nested(scan), called: called(steps) };
}
