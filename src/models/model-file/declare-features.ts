/**
 * The features of a classify or regress signature, held against the inputs of the graph that they fill.
 */
import { quote, suggestion } from '../../config/yaml/problems.ts';
import type { YamlPart, YamlValue } from '../../config/yaml/yaml-document.ts';
import { type FeatureSpec, kindsFor } from '../../core/feature-spec.ts';
import { elementCount, formatShape, type Shape, shapeFits } from '../../core/shape.ts';
import type { Signature, TensorSpec } from '../../core/signature.ts';
import type { Tensor } from '../../core/tensor.ts';
import type { FeatureDeclaration, SignatureDeclaration } from './declaration.ts';
import { literalTensor } from './literal-tensor.ts';

/** A feature on its way to its spec. */
interface Job {
  readonly name: string;
  /** Where it stands in the file. */
  readonly part: YamlPart;
  readonly said: FeatureDeclaration;
  /** Of the graph's input that it fills. */
  readonly spec: TensorSpec;
}

/** In the order of the graph's inputs. */
export function declareFeatures(declared: SignatureDeclaration, graph: Signature): readonly FeatureSpec[] {
  const names = [...graph.inputs.keys()];
  const filled = new Map<string, FeatureSpec>();
  for (const [name, said] of declared.features ?? []) {
    const input = said.input ?? name;
    const part = declared.part.part('features', name);
    const keys = said.input === undefined ? [] : ['input'];
    const spec = graph.inputs.get(input);
    if (spec === undefined) {
      part.report(`the graph has no input ${quote(input)}${suggestion(input, names)}`, ...keys);
    } else if (filled.has(input)) {
      part.report(`the graph's input ${quote(input)} is filled by ${quote(filled.get(input)!.name)} already`, ...keys);
    } else filled.set(input, featureSpec({ name, part, said, spec }, input));
  }
  for (const name of names) {
    if (!filled.has(name)) {
      declared.part.reportKey(`no feature fills the graph's input ${quote(name)}; add one to "features"`);
    }
  }
  return names.map((name) => filled.get(name)).filter((spec) => spec !== undefined);
}

function featureSpec(job: Job, input: string): FeatureSpec {
  const { name, said, spec } = job;
  const shape = shapeOf(job);
  return {
    name,
    input,
    kind: kindOf(job),
    dtype: spec.dtype,
    shape,
    filler: said.default === undefined ? undefined : fillerOf(job, said.default, shape),
    isText: spec.isText === true,
  };
}

function kindOf({ name, part, said, spec }: Job): FeatureSpec['kind'] {
  const kinds = kindsFor(spec.dtype);
  if (said.dtype === undefined) return kinds[0]!;
  if (kinds.includes(said.dtype)) return said.dtype;
  part.report(`feature ${quote(name)} fills an input of ${spec.dtype}; it may be ${kinds.join(' or ')}`, 'dtype');
  return kinds[0]!;
}

/** Of one example: as declared, or the graph's without the batch. */
function shapeOf({ name, part, said, spec }: Job): Shape {
  const own = spec.shape?.slice(1);
  const given = said.shape;
  if (given === undefined) {
    if (own === undefined) return [];
    if (!own.slice(1).includes(-1)) return own;
    part.reportKey(
      `one example of feature ${quote(name)} is ${formatShape(own)}; say with "shape" what "?" stands for`,
    );
    return own.map((dim) => Math.abs(dim));
  }
  if (spec.shape?.length === 0) {
    part.report("the graph's input is a single value, so it has no room for examples", 'shape');
  } else if (own !== undefined && !shapeFits(given, own)) {
    part.report(`the shape ${formatShape(given)} does not fit ${formatShape(own)}, one row of the input`, 'shape');
  }
  return given;
}

function fillerOf({ name, part, spec }: Job, given: YamlValue, shape: Shape): Tensor | undefined {
  const tensor = literalTensor(given, spec.dtype);
  const bad = (problem: string): undefined => {
    part.report(`default of feature ${quote(name)}: ${problem}`, 'default');
  };
  if (typeof tensor === 'string') return bad(tensor);
  const count = elementCount(tensor.shape);
  if (shape[0] === -1) return count === 1 ? tensor : bad('rows are padded with one value; give just that');
  const want = elementCount(shape);
  if (count === want) return { ...tensor, shape };
  if (count !== 1)
    return bad(`it has ${count} values, but the shape ${formatShape(shape)} takes ${want}; give as many, or one`);
  if (want > MAX_FILLER_ELEMENTS)
    return bad(`the shape ${formatShape(shape)} takes ${want} values; ${MAX_FILLER_ELEMENTS} are the most`);
  return repeated(tensor, shape, want);
}

/** One value for all of a shape: so many and no more are made of it. */
const MAX_FILLER_ELEMENTS = 1 << 24;

function repeated(tensor: Tensor, shape: Shape, count: number): Tensor {
  if (tensor.dtype === 'string') return { dtype: 'string', shape, data: new Array(count).fill(tensor.data[0]) };
  const data = new Uint8Array(count * tensor.data.length);
  for (let i = 0; i < count; i++) data.set(tensor.data, i * tensor.data.length);
  return { dtype: tensor.dtype, shape, data };
}
