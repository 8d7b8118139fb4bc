/** Checks ranges, pictures and samples of a model's pillion.yaml against the graph's inputs. */
import { quote, suggestion } from '../../config/yaml/problems.ts';
import type { YamlPart } from '../../config/yaml/yaml-document.ts';
import { formatShape, type Shape } from '../../core/shape.ts';
import { rowAxisOf, type Signatures, type TensorSpec } from '../../core/signature.ts';
import type { DeclaredSignature } from '../serving/declared-signature.ts';
import { rowDefault } from './literal-tensor.ts';
import type { InputHint, Sample, TryOut } from './try-out-schema.ts';

interface DeclaredTryOut {
  readonly hints: ReadonlyMap<string, InputHint>;
  readonly samples: readonly Sample[];
  /** Report problems of `inputs`, and of sample number `at`. */
  readonly inputsPart: YamlPart;
  readonly samplePart: (at: number) => YamlPart;
}

interface GraphInput {
  readonly spec: TensorSpec;
  /** The dim of its rows; undefined = it has none. */
  readonly axis: number | undefined;
}

/** Undefined if nothing is declared. It is valid only if no problem was reported. */
export function declareTryOut(
  { hints, samples, inputsPart, samplePart }: DeclaredTryOut,
  graphs: Signatures,
  views: ReadonlyMap<string, DeclaredSignature>,
): TryOut | undefined {
  if (hints.size === 0 && samples.length === 0) return undefined;
  const inputs = inputsOf(graphs);
  const find = (name: string, part: YamlPart): GraphInput | undefined => {
    const found = inputs.get(name);
    if (found === undefined) {
      part.reportKey(`the graph has no input ${quote(name)}${suggestion(name, [...inputs.keys()])}`, name);
    }
    return found;
  };
  for (const [name, { picture }] of hints) {
    const input = find(name, inputsPart);
    if (input === undefined || picture === undefined || fitsPicture(rowOf(input), picture)) continue;
    const [height, width] = picture;
    inputsPart.report(
      `a picture of ${height} x ${width} does not fit ${formatShape(rowOf(input))}, one row of the input`,
      ...[name, 'picture'],
    );
  }
  for (const [at, sample] of samples.entries()) {
    const part = samplePart(at);
    for (const [name, value] of sample.inputs) {
      const input = find(name, part.part('inputs'));
      const tensor = input && rowDefault(value, input.spec, input.axis);
      if (typeof tensor === 'string') part.reportKey(`input ${quote(name)}: ${tensor}`, 'inputs', name);
    }
  }
  return { inputs: hints, samples, graphInputs: graphInputsOf(views) };
}

/** The inputs of all signatures of the graph; the first of a name counts. */
function inputsOf(graphs: Signatures): ReadonlyMap<string, GraphInput> {
  const found = new Map<string, GraphInput>();
  for (const graph of graphs.values()) {
    for (const [name, spec] of graph.inputs) {
      if (!found.has(name)) found.set(name, { spec, axis: rowAxisOf(graph, name) });
    }
  }
  return found;
}

function rowOf({ spec: { shape }, axis }: GraphInput): Shape | undefined {
  return axis === undefined ? shape : shape?.toSpliced(axis, 1);
}

/** The row has one number for each pixel, or three if colours have a dim; as far as its sizes are known. */
function fitsPicture(row: Shape | undefined, [height, width]: readonly [number, number]): boolean {
  if (row === undefined || row.includes(-1)) return true;
  const perPixel = row.reduce((product, dim) => product * dim, 1) / (height * width);
  return perPixel === 1 || (perPixel === 3 && row.length > 1);
}

function graphInputsOf(views: ReadonlyMap<string, DeclaredSignature>): TryOut['graphInputs'] {
  const found = new Map<string, ReadonlyMap<string, string>>();
  for (const [name, { inputs }] of views) if (inputs.kind === 'tensors') found.set(name, inputs.graphNames);
  return found;
}
