/**
 * Makes signatures with the batch axes that the owner declares of the graph's own. The declaration is taken as it is:
 * nothing is proved. It is only checked against the names and shapes of the graph.
 */
import type { DeclaredBatching } from '../../config/batch-declaration.ts';
import { quote, suggestion } from '../../config/yaml/problems.ts';
import { formatShape } from '../../core/shape.ts';
import { axisOf, type BatchAxis, hasRows, type Signature, type Signatures } from '../../core/signature.ts';

/** A problem at a name under `inputs` or `outputs`; without a name, of the whole declaration. */
export type ReportBatching = (problem: string, side?: 'inputs' | 'outputs', name?: string) => void;

/** The signatures with the declared batch axes. `reason` as in BatchAxis. */
export function declareBatching(
  declared: DeclaredBatching | 'off',
  graphs: Signatures,
  reason: string,
  report: ReportBatching,
): Signatures {
  if (declared === 'off' || declared.enabled === false) {
    return new Map([...graphs].map(([name, graph]) => [name, withoutAxis(graph, `off, ${reason}`)]));
  }
  for (const side of ['inputs', 'outputs'] as const) checkNames(declared, side, graphs, report);
  const named = [...(declared.inputs?.keys() ?? []), ...(declared.outputs?.keys() ?? [])];
  return new Map(
    [...graphs].map(([name, graph]) => {
      const isMeant = named.some((each) => graph.inputs.has(each) || graph.outputs.has(each));
      return [name, isMeant ? declareSignature(declared, graph, reason, report) : graph];
    }),
  );
}

/** The signature, whose requests are run as they came. It still tells where their rows are. */
export function withoutAxis(graph: Signature, reason: string): Signature {
  return { ...graph, batchAxis: { kind: 'none', reason }, hasRows: hasRows(graph) };
}

function checkNames(
  declared: DeclaredBatching,
  side: 'inputs' | 'outputs',
  graphs: Signatures,
  report: ReportBatching,
): void {
  const known = [...new Set([...graphs.values()].flatMap((graph) => [...graph[side].keys()]))];
  for (const name of declared[side]?.keys() ?? []) {
    if (known.includes(name)) continue;
    const what = side === 'inputs' ? 'input' : 'output';
    report(`the graph has no ${what} ${quote(name)}${suggestion(name, known)}`, side, name);
  }
}

function declareSignature(
  declared: DeclaredBatching,
  graph: Signature,
  reason: string,
  report: ReportBatching,
): Signature {
  const axes = new Map<string, number | 'same'>();
  const sizes = new Set<number>();
  for (const [name, spec] of graph.inputs) {
    const axis = declared.inputs?.get(name) ?? 0;
    if (axis !== 0) axes.set(name, axis);
    if (axis === 'same' || !hasDim(axis, 'inputs', name, graph, declared, report)) continue;
    sizes.add(spec.shape?.[axis] ?? -1);
  }
  for (const name of graph.outputs.keys()) {
    const axis = declared.outputs?.get(name) ?? (graph.inputs.has(name) ? axisOf(axes, name) : 0);
    if (graph.inputs.has(name) && axis !== axisOf(axes, name)) {
      report(`it is the name of an input too, and the input is declared otherwise`, 'outputs', name);
    } else if (axis === 'same') {
      report('the graph has an output of this name too, and an output needs rows', 'inputs', name);
    } else if (hasDim(axis, 'outputs', name, graph, declared, report) && axis !== 0) axes.set(name, axis);
  }
  const batchAxis = declaredAxis(sizes, reason, report);
  return { ...graph, batchAxis, batchAxes: axes.size === 0 ? undefined : axes };
}

/** Reports a tensor that has no such dim. Any dim may be there if the graph tells no rank. */
function hasDim(
  axis: number,
  side: 'inputs' | 'outputs',
  name: string,
  graph: Signature,
  declared: DeclaredBatching,
  report: ReportBatching,
): boolean {
  const shape = graph[side].get(name)!.shape;
  if (shape === undefined || axis < shape.length) return true;
  const what = `${side === 'inputs' ? 'input' : 'output'} ${quote(name)}`;
  const isNamed = declared[side]?.has(name) === true;
  const fix =
    side === 'inputs' && shape.length === 0
      ? `declare it under inputs as ${name}: {batch: same}`
      : side === 'outputs' && shape.length === 0
        ? 'without rows it cannot be divided among requests, so write "batching: off"'
        : `its dims are 0 to ${shape.length - 1}`;
  const problem = `${what} is ${shape.length === 0 ? 'a single value' : formatShape(shape)} and has no dim ${axis}; ${fix}`;
  if (isNamed) report(problem, side, name);
  else report(problem);
  return false;
}

/** Requests of any number of rows share a run where the dims are free; where all are of one size, runs have that. */
function declaredAxis(sizes: ReadonlySet<number>, reason: string, report: ReportBatching): BatchAxis {
  if (sizes.size === 0) report('no input has rows, so there is nothing to batch; give one its batch_axis');
  if (sizes.size > 1) {
    report(
      `the batch axes of the inputs are of the sizes ${[...sizes].map((size) => (size === -1 ? '?' : size)).join(', ')}, ` +
        'but rows need one size, or "?" everywhere; name the dims that are the batch',
    );
  }
  const [size = -1] = sizes;
  return size === -1 ? { kind: 'dynamic', reason } : { kind: 'fixed', size, reason };
}
