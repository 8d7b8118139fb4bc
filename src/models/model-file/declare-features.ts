/**
 * The features of a classify or regress signature, held against the inputs of the graph that they fill.
 */
import { FEATURE_KINDS, type FeatureSpec, kindsFor } from '../../core/feature-spec.ts';
import { elementCount, formatShape, type Shape, shapeFits } from '../../core/shape.ts';
import type { Signature, TensorSpec } from '../../core/signature.ts';
import type { Tensor } from '../../core/tensor.ts';
import type { FeatureDeclaration, SignatureDeclaration, Spot } from './declaration.ts';
import { literalTensor } from './literal-tensor.ts';
import { quote, suggestion, type YamlFile, type YamlValue } from './yaml-file.ts';

/** In the order of the graph's inputs. */
export function declareFeatures(
  file: YamlFile,
  declared: SignatureDeclaration,
  graph: Signature,
): readonly FeatureSpec[] {
  const names = [...graph.inputs.keys()];
  const filled = new Map<string, FeatureSpec>();
  for (const feature of declared.features) {
    const { value: input, at } = feature.input;
    const spec = graph.inputs.get(input);
    if (spec === undefined) file.report(at, `the graph has no input ${quote(input)}${suggestion(input, names)}`);
    else if (filled.has(input)) {
      file.report(at, `the graph's input ${quote(input)} is filled by ${quote(filled.get(input)!.name)} already`);
    } else filled.set(input, featureSpec(file, feature, spec));
  }
  for (const name of names) {
    if (!filled.has(name)) {
      file.report(declared.at, `no feature fills the graph's input ${quote(name)}; add one to "features"`);
    }
  }
  return names.map((name) => filled.get(name)).filter((spec) => spec !== undefined);
}

function featureSpec(file: YamlFile, feature: FeatureDeclaration, spec: TensorSpec): FeatureSpec {
  const { dtype } = spec;
  const shape = shapeOf(file, feature, spec);
  return {
    name: feature.name,
    input: feature.input.value,
    kind: kindOf(file, feature, spec),
    dtype,
    shape,
    filler: feature.filler && fillerOf(file, feature.name, feature.filler, spec, shape),
    isText: spec.isText === true,
  };
}

function kindOf(file: YamlFile, { dtype: given, name }: FeatureDeclaration, spec: TensorSpec): FeatureSpec['kind'] {
  const kinds = kindsFor(spec.dtype);
  if (given === undefined) return kinds[0]!;
  const kind = FEATURE_KINDS.find((each) => each === given.value);
  if (kind === undefined) {
    file.report(
      given.at,
      `there is no dtype ${quote(given.value)} of features${suggestion(given.value, FEATURE_KINDS)}`,
    );
  } else if (!kinds.includes(kind)) {
    file.report(given.at, `feature ${quote(name)} fills an input of ${spec.dtype}; it may be ${kinds.join(' or ')}`);
  } else return kind;
  return kinds[0]!;
}

/** Of one example: as declared, or the graph's without the batch. */
function shapeOf(file: YamlFile, { name, at, shape: given }: FeatureDeclaration, spec: TensorSpec): Shape {
  const own = spec.shape?.slice(1);
  if (given === undefined) {
    if (own === undefined) return [];
    if (!own.slice(1).includes(-1)) return own;
    file.report(
      at,
      `one example of feature ${quote(name)} is ${formatShape(own)}; say with "shape" what "?" stands for`,
    );
    return own.map((dim) => Math.abs(dim));
  }
  if (spec.shape?.length === 0) {
    file.report(given.at, "the graph's input is a single value, so it has no room for examples");
  } else if (own !== undefined && !shapeFits(given.value, own)) {
    file.report(
      given.at,
      `the shape ${formatShape(given.value)} does not fit ${formatShape(own)}, one row of the input`,
    );
  }
  return given.value;
}

function fillerOf(
  file: YamlFile,
  name: string,
  given: Spot<YamlValue>,
  spec: TensorSpec,
  shape: Shape,
): Tensor | undefined {
  const tensor = literalTensor(given.value, spec.dtype);
  const bad = (problem: string): undefined => file.report(given.at, `default of feature ${quote(name)}: ${problem}`);
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
