/** Finds the graph's signatures that keep a declared state: those that have all declared inputs and outputs. */
import { quote, suggestion } from '../../config/yaml/problems.ts';
import { formatShape, type Shape } from '../../core/shape.ts';
import { axisOf, hasRows, rowAxisOf, type Signature, type Signatures } from '../../core/signature.ts';
import type { DeclaredValue } from '../../models/loading/declared-state.ts';
import type { StateTensor } from './state.ts';

/** A problem at an input that is declared. */
export type ReportState = (problem: string, input: string, key?: 'output' | 'shape') => void;

/** Declared values by the graph's input. */
export type StateDeclaration = ReadonlyMap<string, DeclaredValue>;

/** The states by signature. They are valid only if no problem was reported. */
export function declareState(
  declared: StateDeclaration,
  graphs: Signatures,
  report: ReportState,
): ReadonlyMap<string, ReadonlyMap<string, StateTensor>> {
  const problems = new Set<string>();
  const once: ReportState = (problem, input, key) => {
    const all = `${input}\n${problem}`;
    if (!problems.has(all)) report(problem, input, key);
    problems.add(all);
  };
  for (const [input, { output }] of declared) checkNames(input, output, graphs, once);
  const isMeant = (graph: Signature): boolean =>
    [...declared].every(([input, { output }]) => graph.inputs.has(input) && graph.outputs.has(output));
  const meant = [...graphs].filter(([, graph]) => isMeant(graph));
  return new Map(meant.map(([name, graph]) => [name, stateOf(declared, graph, once)]));
}

function checkNames(input: string, output: string, graphs: Signatures, report: ReportState): void {
  const inputs = [...new Set([...graphs.values()].flatMap((graph) => [...graph.inputs.keys()]))];
  const outputs = [...new Set([...graphs.values()].flatMap((graph) => [...graph.outputs.keys()]))];
  if (!inputs.includes(input)) report(`the graph has no input ${quote(input)}${suggestion(input, inputs)}`, input);
  if (outputs.includes(output)) return;
  report(`the graph has no output ${quote(output)}${suggestion(output, outputs)}`, input, 'output');
}

function stateOf(declared: StateDeclaration, graph: Signature, report: ReportState): ReadonlyMap<string, StateTensor> {
  const state = new Map<string, StateTensor>();
  for (const [input, entry] of declared) {
    checkPair(input, entry, graph, report);
    const zeros = entry.initial === 'request' ? undefined : zerosShape(input, entry, graph, report);
    state.set(input, { output: entry.output, zeros });
  }
  return state;
}

/** The output must fit the input of the next step. */
function checkPair(input: string, { output }: DeclaredValue, graph: Signature, report: ReportState): void {
  const into = graph.inputs.get(input)!;
  const from = graph.outputs.get(output)!;
  if (into.dtype !== from.dtype) {
    report(`input ${quote(input)} is ${into.dtype}, and output ${quote(output)} ${from.dtype}`, input, 'output');
  }
  if (!mayFit(into.shape, from.shape)) {
    const shapes = `input ${quote(input)} is ${formatShape(into.shape)}, and output ${quote(output)} ${formatShape(from.shape)}`;
    report(`${shapes}: it cannot be the next step's`, input, 'output');
  }
  const [inputAxis, outputAxis] = [axisOf(graph.batchAxes, input), axisOf(graph.batchAxes, output)];
  if (!hasRows(graph) || inputAxis === 'same' || inputAxis === outputAxis) return;
  report(
    `input ${quote(input)} has its rows at dim ${inputAxis}, and output ${quote(output)} at dim ${outputAxis}; declare both in batching`,
    input,
    'output',
  );
}

function mayFit(into: Shape | undefined, from: Shape | undefined): boolean {
  if (into === undefined || from === undefined) return true;
  return into.length === from.length && into.every((dim, i) => dim === -1 || from[i] === -1 || dim === from[i]);
}

/** Undefined after a problem was reported. */
function zerosShape(
  input: string,
  { shape: given }: DeclaredValue,
  graph: Signature,
  report: ReportState,
): Shape | undefined {
  const { shape: own } = graph.inputs.get(input)!;
  const axis = rowAxisOf(graph, input);
  if (given !== undefined && !mayFit(own, axis === undefined ? given : given.with(axis, own?.[axis] ?? 1))) {
    report(
      `the graph's input ${quote(input)} is ${formatShape(own)}, which ${formatShape(given)} does not fit`,
      input,
      'shape',
    );
    return undefined;
  }
  const shape = given ?? own;
  if (shape === undefined || shape.some((dim, i) => dim === -1 && i !== axis)) {
    const what = shape === undefined ? 'the graph does not say how many dims' : `its shape is ${formatShape(shape)}`;
    report(`${what}, so the zeros need one: write shape, for one row`, input);
    return undefined;
  }
  return shape;
}
