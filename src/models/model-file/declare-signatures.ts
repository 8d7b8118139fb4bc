/** Makes views of declarations and the graph's own signatures, and reports each problem with its place in the file. */
import { quote, suggestion } from '../../config/yaml/problems.ts';
import { formatShape } from '../../core/shape.ts';
import {
  axisOf,
  type BatchAxes,
  CLASSES_OUTPUT,
  CLASSIFY_METHOD_NAME,
  DEFAULT_SIGNATURE_NAME,
  EXAMPLES_INPUT,
  hasRows,
  type KeptValues,
  PREDICT_METHOD_NAME,
  REGRESS_METHOD_NAME,
  rowAxisOf,
  SCORES_OUTPUT,
  type Signature,
  type TensorSpec,
  VALUES_OUTPUT,
} from '../../core/signature.ts';
import type { Tensor } from '../../core/tensor.ts';
import type { DeclaredSignature } from '../serving/declared-signature.ts';
import type { SignatureDeclaration } from './declaration.ts';
import { declareFeatures } from './declare-features.ts';
import { rowDefault } from './literal-tensor.ts';

/** One signature's declaration and the graph's signature that it builds on. */
interface Declaration {
  readonly declared: SignatureDeclaration;
  readonly graph: Signature;
  readonly graphName: string;
}

/** The views by name. They are valid only if no problem was reported to the file. */
export function declareSignatures(
  declarations: readonly SignatureDeclaration[],
  graphs: ReadonlyMap<string, Signature>,
): ReadonlyMap<string, DeclaredSignature> {
  const views = new Map<string, DeclaredSignature>();
  const [first] = graphs;
  const graph = graphs.get(DEFAULT_SIGNATURE_NAME);
  for (const declared of declarations) {
    const found = graph === undefined ? first : ([DEFAULT_SIGNATURE_NAME, graph] as const);
    if (found === undefined) declared.part.reportKey('the model has no signature of its own to build on');
    else views.set(declared.name, declareView({ declared, graphName: found[0], graph: found[1] }));
  }
  return views;
}

function declareView(declaration: Declaration): DeclaredSignature {
  switch (declaration.declared.method) {
    case 'predict':
      return declarePredict(declaration);
    case 'classify':
      return declareClassify(declaration);
    case 'regress':
      return declareRegress(declaration);
  }
}

function declarePredict(declaration: Declaration): DeclaredSignature {
  const { declared, graph, graphName } = declaration;
  const aliases = aliasesOfInputs(declaration);
  const inputs = new Map<string, TensorSpec>();
  const graphNames = new Map<string, string>();
  const defaults = new Map<string, Tensor>();
  // The scheduler needs the inputs in the graph's order.
  for (const [name, spec] of graph.inputs) {
    const alias = aliases.get(name);
    if (alias === undefined) continue;
    inputs.set(alias, spec);
    graphNames.set(alias, name);
    const given = declared.defaults?.get(alias);
    if (given === undefined) continue;
    const tensor = rowDefault(given, spec, rowAxisOf(graph, name));
    if (typeof tensor === 'string')
      declared.part.report(`default of input ${quote(alias)}: ${tensor}`, 'defaults', alias);
    else defaults.set(alias, tensor);
  }
  for (const alias of declared.defaults?.keys() ?? []) {
    if (!inputs.has(alias))
      declared.part.reportKey(
        `there is no input ${quote(alias)}${suggestion(alias, [...inputs.keys()])}`,
        'defaults',
        alias,
      );
  }
  const outputs = declared.outputs ? outputNames(declaration) : undefined;
  const names = outputs ?? new Map([...graph.outputs.keys()].map((name) => [name, name]));
  const specs = new Map([...names].map(([alias, name]) => [alias, graph.outputs.get(name)!]));
  const batchAxes = renamedAxes(graph.batchAxes, [...graphNames, ...names]);
  const rows = { batchAxis: graph.batchAxis, hasRows: hasRows(graph), batchAxes };
  const kept = graph.kept && renamedKept(graph.kept, graphNames, names);
  const signature = { ...rows, kept, inputs, outputs: specs, methodName: PREDICT_METHOD_NAME, areShapesChecked: true };
  return {
    name: declared.name,
    graphName,
    signature: defaults.size === 0 ? signature : { ...signature, defaults },
    inputs: { kind: 'tensors', graphNames },
    outputs: names,
    labels: undefined,
  };
}

/** The kept values by alias. An output that the view does not give keeps the graph's name: the server reads it all the same. */
function renamedKept(
  { nextOf }: KeptValues,
  inputs: ReadonlyMap<string, string>,
  outputs: ReadonlyMap<string, string>,
): KeptValues {
  const aliasOf = new Map([...outputs].map(([alias, name]) => [name, alias]));
  const renamed = [...inputs].flatMap(([alias, name]) => {
    const output = nextOf.get(name);
    return output === undefined ? [] : [[alias, aliasOf.get(output) ?? output] as const];
  });
  return { nextOf: new Map(renamed) };
}

/** The axes by alias; `names` are aliases with the graph's names. */
function renamedAxes(
  axes: BatchAxes | undefined,
  names: readonly (readonly [alias: string, name: string])[],
): BatchAxes | undefined {
  return axes && new Map(names.map(([alias, name]) => [alias, axisOf(axes, name)]));
}

/** The graph's input → alias. */
function aliasesOfInputs({ declared, graph }: Declaration): ReadonlyMap<string, string> {
  const own = [...graph.inputs.keys()];
  if (!declared.inputs) return new Map(own.map((name) => [name, name]));
  const aliases = new Map<string, string>();
  for (const [alias, name] of declared.inputs) {
    if (!graph.inputs.has(name))
      declared.part.report(`the graph has no input ${quote(name)}${suggestion(name, own)}`, 'inputs', alias);
    else if (aliases.has(name))
      declared.part.report(`the graph's input ${quote(name)} is ${quote(aliases.get(name)!)} already`, 'inputs', alias);
    else aliases.set(name, alias);
  }
  for (const name of own) {
    if (!aliases.has(name))
      declared.part.reportKey(`nothing is given to the graph's input ${quote(name)}; add it to "inputs"`);
  }
  return aliases;
}

/** Alias → the graph's output; names that the graph does not have are reported. */
function outputNames({ declared, graph }: Declaration): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  for (const [alias, name] of declared.outputs ?? []) {
    if (graph.outputs.has(name)) names.set(alias, name);
    else
      declared.part.report(
        `the graph has no output ${quote(name)}${suggestion(name, [...graph.outputs.keys()])}`,
        'outputs',
        alias,
      );
  }
  return names;
}

function declareClassify(declaration: Declaration): DeclaredSignature {
  const { declared } = declaration;
  const names = outputNames(declaration);
  checkAliases(declaration, [CLASSES_OUTPUT, SCORES_OUTPUT]);
  const labels = typeof declared.labels === 'string' ? undefined : declared.labels;
  const outputs = new Map<string, TensorSpec>();
  const classes = specOf(declaration, names, CLASSES_OUTPUT, 'string', [2]);
  const scores = specOf(declaration, names, SCORES_OUTPUT, 'float32', [2]);
  if (labels !== undefined) {
    const columns = scores?.shape?.[1] ?? -1;
    if (classes !== undefined)
      declared.part.report('the graph gives "classes" itself; leave out one of the two', 'labels');
    if (declared.outputs?.has(SCORES_OUTPUT) !== true) {
      declared.part.report('labels name the columns of "scores", which "outputs" does not have; add it', 'labels');
    } else if (columns !== -1 && columns !== labels.length) {
      declared.part.report(`${labels.length} labels, but "scores" has ${columns} columns; give one for each`, 'labels');
    }
    outputs.set(CLASSES_OUTPUT, { dtype: 'string', shape: [-1, labels.length], tensorName: CLASSES_OUTPUT });
  } else if (classes !== undefined) outputs.set(CLASSES_OUTPUT, classes);
  if (scores !== undefined) outputs.set(SCORES_OUTPUT, scores);
  if (!declared.outputs?.size) {
    declared.part.reportKey(`"outputs" is missing; name the graph's output for "scores", for "classes", or both`);
  }
  return exampleView(declaration, CLASSIFY_METHOD_NAME, names, outputs, labels);
}

function declareRegress(declaration: Declaration): DeclaredSignature {
  const { declared } = declaration;
  const names = outputNames(declaration);
  checkAliases(declaration, [VALUES_OUTPUT]);
  const values = specOf(declaration, names, VALUES_OUTPUT, 'float32', [1, 2]);
  if (declared.outputs?.has(VALUES_OUTPUT) !== true) {
    declared.part.reportKey(`"outputs" does not have "outputs"; name the graph's output of one value an example`);
  }
  if (values?.shape?.length === 2 && values.shape[1] !== 1 && values.shape[1] !== -1) {
    declared.part.report(
      `this output is ${formatShape(values.shape)}; one value an example is [?] or [?,1]`,
      'outputs',
      VALUES_OUTPUT,
    );
  }
  const outputs = new Map(values === undefined ? [] : [[VALUES_OUTPUT, values] as const]);
  return exampleView(declaration, REGRESS_METHOD_NAME, names, outputs, undefined);
}

function checkAliases({ declared }: Declaration, known: readonly string[]): void {
  for (const alias of declared.outputs?.keys() ?? []) {
    if (!known.includes(alias)) {
      declared.part.reportKey(
        `a ${declared.method} signature has no output ${quote(alias)}${suggestion(alias, known)}`,
        'outputs',
        alias,
      );
    }
  }
}

/** The graph's spec of a declared output. Reports a dtype or a rank that the method does not allow. */
function specOf(
  { declared, graph }: Declaration,
  names: ReadonlyMap<string, string>,
  alias: string,
  dtype: string,
  ranks: readonly number[],
): TensorSpec | undefined {
  const name = names.get(alias);
  const spec = name === undefined ? undefined : graph.outputs.get(name);
  if (spec === undefined) return undefined;
  if (spec.dtype !== dtype)
    declared.part.report(
      `${quote(alias)} must be ${dtype}, but the graph's output ${quote(name!)} is ${spec.dtype}`,
      'outputs',
      alias,
    );
  if (spec.shape !== undefined && !ranks.includes(spec.shape.length)) {
    const want = ranks.length === 1 ? '[examples, classes]' : '[examples] or [examples, 1]';
    declared.part.report(
      `${quote(alias)} must be ${want}, but the graph's output ${quote(name!)} is ${formatShape(spec.shape)}`,
      'outputs',
      alias,
    );
  }
  return spec;
}

function exampleView(
  declaration: Declaration,
  methodName: string,
  names: ReadonlyMap<string, string>,
  outputs: ReadonlyMap<string, TensorSpec>,
  labels: readonly Uint8Array[] | undefined,
): DeclaredSignature {
  const { declared, graph, graphName } = declaration;
  const examples: TensorSpec = { dtype: 'string', shape: [-1], tensorName: EXAMPLES_INPUT };
  const inputs = new Map([[EXAMPLES_INPUT, examples]]);
  const features = declareFeatures(declared, graph);
  for (const name of [...graph.inputs.keys(), ...names.values()]) {
    if (!hasRows(graph) || axisOf(graph.batchAxes, name) === 0) continue;
    declared.part.reportKey(
      `examples become rows of dim 0, but ${quote(name)} has its rows elsewhere ("batching"); use method predict`,
    );
  }
  const sharing = JSON.stringify([graphName, features.map((each) => [each, each.filler?.data.map(Number)])]);
  return {
    name: declared.name,
    signature: {
      batchAxis: graph.batchAxis,
      hasRows: hasRows(graph),
      inputs,
      outputs,
      methodName,
      areShapesChecked: true,
      features,
    },
    graphName,
    inputs: { kind: 'examples', features, sharing },
    outputs: names,
    labels,
  };
}
