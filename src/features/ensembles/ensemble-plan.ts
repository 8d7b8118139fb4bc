/**
 * The plan of an ensemble: its steps, and the signature that follows from them. It is made when the ensemble is loaded,
 * of the signatures that its members have then, and says everything that does not fit.
 *
 *   image ─▶ detect ─▶ boxes ─▶ read ─▶ text        inputs: what a step takes and none gives      here: image
 *                └─▶ score ─────────────────────▶   outputs: what a step gives and none takes           text, score
 */

import type { ModelChoice } from '../../config/model-config.ts';
import { quote, suggestion } from '../../config/yaml/problems.ts';
import type { DType } from '../../core/dtype.ts';
import { formatShape, type Shape } from '../../core/shape.ts';
import {
  type BatchAxis,
  DEFAULT_SIGNATURE_NAME,
  hasRows,
  ownAxes,
  PREDICT_METHOD_NAME,
  type Signature,
  type TensorSpec,
} from '../../core/signature.ts';
import type { EnsembleDeclaration, ReportEnsemble } from '../../models/loading/declared-ensemble.ts';

export interface PlannedStep {
  /** Its place in the file, from 0. */
  readonly index: number;
  /** Its model. */
  readonly member: ModelChoice;
  readonly signatureName: string;
  /** The model's input → the ensemble's tensor. */
  readonly inputs: ReadonlyMap<string, string>;
  /** The model's output → the ensemble's tensor. */
  readonly outputs: ReadonlyMap<string, string>;
}

export interface EnsemblePlan {
  /** The steps in an order in which each stands behind those whose outputs it takes. */
  readonly steps: readonly PlannedStep[];
  readonly signature: Signature;
  /** All tensors of the ensemble, as they were when it was loaded. */
  readonly tensors: ReadonlyMap<string, TensorSpec>;
}

/** One end of an edge: a step's input or output, by the member's name. */
interface End {
  readonly step: PlannedStep;
  readonly theirs: string;
  readonly spec: TensorSpec;
}

/** The ends at one tensor of the ensemble. */
interface Edges {
  from: End | undefined;
  readonly to: End[];
}

/** `signatures`: those of the steps' members, in the order of the file; undefined where one was reported already. */
export function planEnsemble(
  declared: EnsembleDeclaration,
  signatures: readonly (Signature | undefined)[],
  report: ReportEnsemble,
): EnsemblePlan {
  const steps = declared.steps.map((step, index): PlannedStep => {
    const { model: name, version, signature = DEFAULT_SIGNATURE_NAME, inputs, outputs } = step;
    return { index, member: { name, version }, signatureName: signature, inputs, outputs };
  });
  const edges = new Map<string, Edges>();
  for (const step of steps) {
    const signature = signatures[step.index];
    if (signature !== undefined) addStep(step, signature, edges, report);
  }
  // Tensors seem to be missing or unused, and are not, while a step's signature is unknown.
  const reportEnds: ReportEnsemble = signatures.includes(undefined) ? () => undefined : report;
  const inputs = inputsOf(declared, edges, reportEnds);
  const outputs = outputsOf(declared, edges, reportEnds);
  const tensors = new Map([...edges].map(([name, each]) => [name, specOf(name, each, report)]));
  const named = (names: readonly string[]) => new Map(names.map((name) => [name, tensors.get(name)!]));
  return {
    steps: inOrder(steps, edges, report),
    tensors,
    signature: {
      inputs: named(inputs),
      outputs: named(outputs),
      methodName: PREDICT_METHOD_NAME,
      batchAxis: axisOfAll(signatures),
    },
  };
}

function addStep(step: PlannedStep, signature: Signature, edges: Map<string, Edges>, report: ReportEnsemble): void {
  const at = ['steps', step.index] as const;
  const edgesOf = (name: string): Edges => {
    const known = edges.get(name) ?? { from: undefined, to: [] };
    edges.set(name, known);
    return known;
  };
  for (const [theirs, ours] of step.inputs) {
    const spec = signature.inputs.get(theirs);
    if (spec === undefined) report(unknown('input', theirs, step, signature.inputs), ...at, 'inputs', theirs);
    else edgesOf(ours).to.push({ step, theirs, spec });
  }
  for (const name of signature.inputs.keys()) {
    if (step.inputs.has(name)) continue;
    report(
      `model ${quote(step.member.name)} needs its input ${quote(name)}; say which tensor it gets`,
      ...at,
      'inputs',
    );
  }
  for (const [theirs, ours] of step.outputs) {
    const spec = signature.outputs.get(theirs);
    if (spec === undefined) report(unknown('output', theirs, step, signature.outputs), ...at, 'outputs', theirs);
    else if (edgesOf(ours).from !== undefined) {
      report(`two steps give ${quote(ours)}; give one of them another name`, ...at, 'outputs', theirs);
    } else edgesOf(ours).from = { step, theirs, spec };
  }
  if (step.outputs.size === 0) report('the step gives nothing; name an output, or leave the step out', ...at);
}

function unknown(what: string, name: string, { member }: PlannedStep, known: ReadonlyMap<string, unknown>): string {
  return `model ${quote(member.name)} has no ${what} ${quote(name)}${suggestion(name, [...known.keys()])}`;
}

function inputsOf(declared: EnsembleDeclaration, edges: ReadonlyMap<string, Edges>, report: ReportEnsemble): string[] {
  const taken = [...edges].filter(([, { from }]) => from === undefined).map(([name]) => name);
  const said = declared.inputs;
  if (said === undefined) return taken;
  for (const [i, name] of said.entries()) {
    if (edges.get(name)?.from !== undefined) report(`a step gives ${quote(name)}, so it is no input`, 'inputs', i);
    else if (!taken.includes(name)) report(`no step takes ${quote(name)}; leave it out`, 'inputs', i);
  }
  for (const name of taken) {
    if (said.includes(name)) continue;
    const { step, theirs } = edges.get(name)!.to[0]!;
    const made = [...edges.keys()].filter((each) => each !== name);
    const problem = `no step gives ${quote(name)}, and it is no input of the ensemble${suggestion(name, made)}`;
    report(problem, 'steps', step.index, 'inputs', theirs);
  }
  return said.filter((name) => taken.includes(name));
}

function outputsOf(declared: EnsembleDeclaration, edges: ReadonlyMap<string, Edges>, report: ReportEnsemble): string[] {
  const given = [...edges].filter(([, { from }]) => from !== undefined);
  const ends = given.filter(([, { to }]) => to.length === 0).map(([name]) => name);
  const said = declared.outputs;
  if (said === undefined) return ends;
  const names = given.map(([name]) => name);
  for (const [i, name] of said.entries()) {
    if (!names.includes(name)) report(`no step gives ${quote(name)}${suggestion(name, names)}`, 'outputs', i);
  }
  for (const name of ends) {
    if (said.includes(name)) continue;
    const { step, theirs } = edges.get(name)!.from!;
    const problem = `nothing takes ${quote(name)}, and it is no output of the ensemble; leave it out`;
    report(problem, 'steps', step.index, 'outputs', theirs);
  }
  return [...new Set(said)].filter((name) => names.includes(name));
}

/** The spec of a tensor, as all its ends together know it. */
function specOf(name: string, { from, to }: Edges, report: ReportEnsemble): TensorSpec {
  const [first, ...others] = from === undefined ? to : [from, ...to];
  let { dtype, shape, isText = false } = first!.spec;
  for (const end of others) {
    const problem = misfitOf({ dtype, shape }, end.spec);
    if (problem === undefined) shape = meet(shape, end.spec.shape);
    else {
      const what = from === undefined ? 'takes it as' : 'wants';
      const text = `${quote(name)} is ${show({ dtype, shape })}, and model ${quote(end.step.member.name)} ${what} ${show(end.spec)}`;
      report(text, 'steps', end.step.index, 'inputs', end.theirs);
    }
    isText ||= end.spec.isText === true;
  }
  return { dtype, shape, tensorName: name, ...(isText && from === undefined && { isText }) };
}

/** Undefined if a tensor of the one may be one of the other. */
export function misfitOf(
  a: Pick<TensorSpec, 'dtype' | 'shape'>,
  b: Pick<TensorSpec, 'dtype' | 'shape'>,
): string | undefined {
  if (a.dtype !== b.dtype) return `${a.dtype} is not ${b.dtype}`;
  if (a.shape === undefined || b.shape === undefined) return undefined;
  const fits =
    a.shape.length === b.shape.length &&
    a.shape.every((dim, i) => dim === -1 || b.shape![i] === -1 || dim === b.shape![i]);
  return fits ? undefined : `${formatShape(a.shape)} is not ${formatShape(b.shape)}`;
}

function meet(a: Shape | undefined, b: Shape | undefined): Shape | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return a.map((dim, i) => (dim === -1 ? b[i]! : dim));
}

function show({ dtype, shape }: { readonly dtype: DType; readonly shape: Shape | undefined }): string {
  return `${dtype} ${formatShape(shape)}`;
}

/** Puts each step behind those that it needs. Reports a circle. */
function inOrder(
  steps: readonly PlannedStep[],
  edges: ReadonlyMap<string, Edges>,
  report: ReportEnsemble,
): readonly PlannedStep[] {
  const ordered: PlannedStep[] = [];
  const needs = (step: PlannedStep): readonly PlannedStep[] =>
    [...step.inputs.values()].flatMap((name) => edges.get(name)?.from?.step ?? []);
  let left = steps;
  while (left.length > 0) {
    const ready = left.filter((step) => needs(step).every((each) => ordered.includes(each)));
    if (ready.length === 0) break;
    ordered.push(...ready);
    left = left.filter((step) => !ready.includes(step));
  }
  if (left.length > 0) {
    const names = left.map(({ index, member }) => `${index + 1} (${member.name})`).join(', ');
    report(`the steps ${names} wait for one another: each takes what only another of them gives`, 'steps');
  }
  return ordered;
}

/** Each step has its own batches; to callers an ensemble has rows if all its steps have them at dim 0. */
function axisOfAll(signatures: readonly (Signature | undefined)[]): BatchAxis {
  const haveRows = signatures.every((each) => each !== undefined && hasRows(each) && ownAxes(each) === undefined);
  return haveRows
    ? { kind: 'dynamic', reason: 'each step shares runs with other requests for its model' }
    : {
        kind: 'none',
        reason: 'a step has no rows, or has them elsewhere than at dim 0; each step runs as its model does',
      };
}
