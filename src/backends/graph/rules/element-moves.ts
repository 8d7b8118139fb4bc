/** Ops that keep, cut or repeat the elements of small integer tensors, as shapes are put together. */
import { ELEMENT_RULES, type ElementRule, gridOf, gridValue, picked, withFloats } from '../elements.ts';
import { NodeCall, type Rule } from '../node-call.ts';
import { type Element, numberOf, sizeOf } from '../size.ts';
import { same, type Value } from '../value.ts';
import { LAYOUT_RULES } from './layout-rules.ts';
import { sliceElements } from './slice-rule.ts';

/** The rule for data gives the dims; the elements stay in their order. */
function kept(rule: Rule): ElementRule {
  return (call) => {
    const grid = gridOf(call, 0);
    if (grid === undefined) return undefined;
    const plain = same(grid.dims.map((dim) => sizeOf(dim)));
    const result = rule(new NodeCall(call.node, call.opset, [plain, ...call.inputs.slice(1)], call.following)) as Value;
    const dims = result.kind === 'same' ? result.dims?.map(numberOf) : undefined;
    if (!dims?.every((dim) => dim !== undefined)) return undefined;
    const count = dims.reduce((product, dim) => product * dim, 1);
    return count === grid.elements.length ? gridValue(dims, grid.elements) : undefined;
  };
}

function expand(call: NodeCall): Value | undefined {
  const grid = gridOf(call, 0);
  const wanted = gridOf(call, 1)?.elements.map(numberOf);
  if (grid?.elements.length !== 1 || !wanted?.every((size) => size !== undefined)) return undefined;
  if (wanted.length < grid.dims.length) return undefined;
  return picked(grid, wanted, () => 0);
}

function tile(call: NodeCall): Value | undefined {
  const grid = gridOf(call, 0);
  const repeats = numberOf(gridOf(call, 1)?.elements[0]);
  if (grid?.dims.length !== 1 || repeats === undefined) return undefined;
  return picked(grid, [grid.elements.length * repeats], ([at]) => at! % grid.elements.length);
}

/** Each index is one of the first axis. */
function scatterND(call: NodeCall): Value | undefined {
  const [grid, indices, updates] = [gridOf(call, 0), gridOf(call, 1), gridOf(call, 2)];
  if (grid?.dims.length !== 1 || indices?.dims.at(-1) !== 1 || updates === undefined) return undefined;
  if (call.text('reduction', 'none') !== 'none' || updates.elements.length !== indices.elements.length)
    return undefined;
  const elements: Element[] = [...grid.elements];
  for (const [i, index] of indices.elements.entries()) {
    const at = numberOf(index);
    if (at === undefined || Math.abs(at) > elements.length) return undefined;
    elements[at < 0 ? at + elements.length : at] = updates.elements[i];
  }
  return elements.length === grid.elements.length ? gridValue(grid.dims, elements) : undefined;
}

const RULES: Readonly<Record<string, ElementRule>> = {
  ...ELEMENT_RULES,
  Reshape: kept(LAYOUT_RULES['Reshape']!),
  Squeeze: kept(LAYOUT_RULES['Squeeze']!),
  Unsqueeze: kept(LAYOUT_RULES['Unsqueeze']!),
  Flatten: kept(LAYOUT_RULES['Flatten']!),
  Slice: sliceElements,
  Expand: expand,
  Tile: tile,
  ScatterND: scatterND,
};

/** All rules for elements, by op of ai.onnx. */
export const ALL_ELEMENT_RULES: Readonly<Record<string, ElementRule>> = Object.fromEntries(
  Object.entries(RULES).map(([op, rule]) => [op, withFloats(rule)]),
);
