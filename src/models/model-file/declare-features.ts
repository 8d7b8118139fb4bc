/** Checks the features of a classify or regress signature against the inputs of the graph that they fill. */
import { quote, suggestion } from '../../config/yaml/problems.ts';
import type { YamlPart, YamlValue } from '../../config/yaml/yaml-document.ts';
import { type FeatureSpec, kindsFor } from '../../core/feature-spec.ts';
import { elementCount, formatShape, type Shape, shapeFits } from '../../core/shape.ts';
import type { Signature, TensorSpec } from '../../core/signature.ts';
import type { Tensor } from '../../core/tensor.ts';
import type { FeatureDeclaration, SignatureDeclaration } from './declaration.ts';
import { literalTensor } from './literal-tensor.ts';

interface DeclaredFeature {
  readonly name: string;
  /** Its place in the file. */
  readonly part: YamlPart;
  readonly declared: FeatureDeclaration;
  /** The spec of the graph's input that it fills. */
  readonly spec: TensorSpec;
}

/** The specs of all features, in the order of the graph's inputs. */
export function declareFeatures(signature: SignatureDeclaration, graph: Signature): readonly FeatureSpec[] {
  const names = [...graph.inputs.keys()];
  const filled = new Map<string, FeatureSpec>();
  for (const [name, declared] of signature.features ?? []) {
    const input = declared.input ?? name;
    const part = signature.part.part('features', name);
    const keys = declared.input === undefined ? [] : ['input'];
    const spec = graph.inputs.get(input);
    if (spec === undefined) {
      part.report(`the graph has no input ${quote(input)}${suggestion(input, names)}`, ...keys);
    } else if (filled.has(input)) {
      part.report(`the graph's input ${quote(input)} is filled by ${quote(filled.get(input)!.name)} already`, ...keys);
    } else filled.set(input, featureSpec({ name, part, declared, spec }, input));
  }
  for (const name of names) {
    if (!filled.has(name)) {
      signature.part.reportKey(`no feature fills the graph's input ${quote(name)}; add one to "features"`);
    }
  }
  return names.map((name) => filled.get(name)).filter((spec) => spec !== undefined);
}

function featureSpec(feature: DeclaredFeature, input: string): FeatureSpec {
  const { name, declared, spec } = feature;
  const shape = shapeOf(feature);
  return {
    name,
    input,
    kind: kindOf(feature),
    dtype: spec.dtype,
    shape,
    filler: declared.default === undefined ? undefined : fillerOf(feature, declared.default, shape),
    isText: spec.isText === true,
  };
}

function kindOf({ name, part, declared, spec }: DeclaredFeature): FeatureSpec['kind'] {
  const kinds = kindsFor(spec.dtype);
  if (declared.dtype === undefined) return kinds[0]!;
  if (kinds.includes(declared.dtype)) return declared.dtype;
  part.report(`feature ${quote(name)} fills an input of ${spec.dtype}; it may be ${kinds.join(' or ')}`, 'dtype');
  return kinds[0]!;
}

/** The shape of one example: the declared one, or the graph's without the batch. */
function shapeOf({ name, part, declared, spec }: DeclaredFeature): Shape {
  const own = spec.shape?.slice(1);
  const given = declared.shape;
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

function fillerOf({ name, part, spec }: DeclaredFeature, given: YamlValue, shape: Shape): Tensor | undefined {
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

/** The most elements that one default value is repeated for. */
const MAX_FILLER_ELEMENTS = 1 << 24;

function repeated(tensor: Tensor, shape: Shape, count: number): Tensor {
  if (tensor.dtype === 'string') return { dtype: 'string', shape, data: new Array(count).fill(tensor.data[0]) };
  const data = new Uint8Array(count * tensor.data.length);
  for (let i = 0; i < count; i++) data.set(tensor.data, i * tensor.data.length);
  return { dtype: tensor.dtype, shape, data };
}
