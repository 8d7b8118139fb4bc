/** A model as text, a line for each node, for those who look into a failure. */
import type { Graph, GraphAttribute, GraphNode, GraphTensor } from '../support/onnx-graph.ts';
import type { DrawnGraph } from './draw-graph.ts';

export function graphText({ model, inputs, outputs, isFixed }: DrawnGraph): string {
  const declared = (name: string) => `[${model.inputs[name]!.dims!.map((dim) => (dim === '' ? '?' : dim)).join(', ')}]`;
  return [
    `opset ${model.opsets?.['']}${isFixed ? ', fixed rows' : ''}`,
    ...inputs.map(
      ({ name, type, dims, axis }) => `${name}: ${type} ${declared(name)}, drawn as [${dims}], rows on ${axis}`,
    ),
    ...linesOf(model, ''),
    ...(model.functions ?? []).flatMap((called) => [
      `function ${called.name}(${called.inputs.join(', ')}) -> ${called.outputs.join(', ')}${attributesText(called.defaults)}`,
      ...called.nodes.flatMap((node) => nodeLines(node, '  ')),
    ]),
    ...outputs.map(({ name, axis }) => `output ${name}, rows on ${axis}`),
  ].join('\n');
}

function linesOf({ nodes, constants = {} }: Graph, indent: string): string[] {
  const tensors = Object.entries(constants).map(([name, tensor]) => `${indent}${name} = ${tensorText(tensor)}`);
  return [...tensors, ...nodes.flatMap((node) => nodeLines(node, indent))];
}

function nodeLines(node: GraphNode, indent: string): string[] {
  const graphs = Object.entries(node.attributes ?? {}).flatMap(([name, value]) => {
    if (!isObject(value) || !('graph' in value)) return [];
    const { graph } = value;
    const head = `${indent}  ${name}(${Object.keys(graph.inputs).join(', ')}) -> ${Object.keys(graph.outputs).join(', ')}`;
    return [head, ...linesOf(graph, `${indent}    `)];
  });
  const inputs = node.inputs.map((name) => name || '-').join(', ');
  return [`${indent}${node.outputs.join(', ')} = ${node.op}(${inputs})${attributesText(node.attributes)}`, ...graphs];
}

function attributesText(attributes: GraphNode['attributes']): string {
  const shown = Object.entries(attributes ?? {}).flatMap(([name, value]) =>
    isObject(value) && 'graph' in value ? [] : [`${name}=${attributeText(value)}`],
  );
  return shown.length === 0 ? '' : ` {${shown.join(', ')}}`;
}

function isObject(value: GraphAttribute): value is Extract<GraphAttribute, object> {
  return typeof value === 'object' && !Array.isArray(value);
}

function attributeText(value: GraphAttribute): string {
  return isObject(value) && 'tensor' in value ? tensorText(value.tensor) : JSON.stringify(value);
}

function tensorText({ type, dims, values }: GraphTensor): string {
  return `${type}[${dims}] {${values.slice(0, 24).join(' ')}${values.length > 24 ? ' …' : ''}}`;
}
