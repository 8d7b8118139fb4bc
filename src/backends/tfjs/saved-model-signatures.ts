/** Selects the served signatures of a SavedModel. An unsupported tensor excludes its own signature only. */
import { dataTypeName, dtypeOf } from '../../codec/tensorflow/tensor-proto/tf-dtype.ts';
import { ServingError } from '../../core/errors.ts';
import { formatShape, shapeFits } from '../../core/shape.ts';
import {
  CLASSIFY_METHOD_NAME,
  PREDICT_METHOD_NAME,
  REGRESS_METHOD_NAME,
  type Signature,
  type TensorSpec,
} from '../../core/signature.ts';
import type { Tensor, TensorMap } from '../../core/tensor.ts';
import type { TensorInfo } from '../signature-def.ts';
import type { GraphPlace } from './native-binding.ts';
import type { SavedSignature } from './saved-model-file.ts';

/** TensorFlow's initialiser, which loading has run already. */
const INIT_SIGNATURE = '__saved_model_init_op';

/** A signature whose batch axis is not known yet. */
export type PlainSignature = Omit<Signature, 'batchAxis'>;

export interface ServedSignatures {
  readonly signatures: ReadonlyMap<string, PlainSignature>;
  /** One text for each signature or default that is left out. */
  readonly warnings: readonly string[];
}

/** `decode` converts a serialized TensorProto, or throws. */
export function servedSignatures(
  defs: ReadonlyMap<string, SavedSignature>,
  decode: (proto: Uint8Array) => Tensor,
): ServedSignatures {
  const signatures = new Map<string, PlainSignature>();
  const warnings: string[] = [];
  for (const [name, def] of defs) {
    if (name === INIT_SIGNATURE) continue;
    try {
      const inputs = specsOf('input', def.inputs);
      const outputs = specsOf('output', def.outputs);
      const defaults = defaultsOf(name, def, inputs, decode, warnings);
      const methodName = def.methodName || PREDICT_METHOD_NAME;
      signatures.set(name, { inputs, outputs, methodName, ...(defaults.size > 0 && { defaults }) });
    } catch (error) {
      warnings.push(`signature "${name}" is not served: ${(error as Error).message}`);
    }
  }
  return { signatures, warnings };
}

/** The graph's tensor that a spec names: "op:index". */
export function placeOf({ tensorName }: TensorSpec): GraphPlace {
  const colon = tensorName.lastIndexOf(':');
  if (colon === -1) return { op: tensorName, index: 0 };
  return { op: tensorName.slice(0, colon), index: Number(tensorName.slice(colon + 1)) };
}

/**
 * True if the signature's input is serialized examples, one for each row of the answer. Classify and Regress signatures
 * have such inputs; so has a Predict signature that feeds the same tensor of the graph.
 */
export function takesExamples(signature: PlainSignature, all: Iterable<PlainSignature>): boolean {
  const place = examplesPlace(signature);
  if (place === undefined) return false;
  return [...all].some(
    (other) =>
      (other.methodName === CLASSIFY_METHOD_NAME || other.methodName === REGRESS_METHOD_NAME) &&
      examplesPlace(other) === place,
  );
}

function examplesPlace({ inputs }: PlainSignature): string | undefined {
  const [input] = inputs.values();
  return inputs.size === 1 && input?.dtype === 'string' && input.shape?.length === 1 ? input.tensorName : undefined;
}

function specsOf(what: string, infos: ReadonlyMap<string, TensorInfo>): ReadonlyMap<string, TensorSpec> {
  const specs = new Map<string, TensorSpec>();
  for (const [name, { tensorName, dtype: number, shape }] of infos) {
    if (tensorName === undefined) throw unserved(`${what} "${name}" is a sparse, ragged or other composite tensor`);
    const dtype = dtypeOf(number);
    if (dtype === undefined) throw unserved(`${what} "${name}" is ${dataTypeName(number)}, which cannot be exchanged`);
    specs.set(name, { dtype, shape, tensorName });
  }
  return specs;
}

/** A default that cannot be used is reported, and its input becomes required. */
function defaultsOf(
  signatureName: string,
  { defaults }: SavedSignature,
  inputs: ReadonlyMap<string, TensorSpec>,
  decode: (proto: Uint8Array) => Tensor,
  warnings: string[],
): TensorMap {
  const tensors = new Map<string, Tensor>();
  for (const [name, proto] of defaults) {
    const spec = inputs.get(name);
    try {
      if (spec === undefined) throw unserved('there is no such input');
      const tensor = decode(proto);
      if (tensor.dtype !== spec.dtype || !shapeFits(tensor.shape, spec.shape)) {
        const wanted = spec.shape === undefined ? 'any shape' : formatShape(spec.shape);
        throw unserved(`it is ${tensor.dtype} ${formatShape(tensor.shape)}, the input ${spec.dtype} ${wanted}`);
      }
      tensors.set(name, tensor);
    } catch (error) {
      warnings.push(`signature "${signatureName}", default of input "${name}": ${(error as Error).message}`);
    }
  }
  return tensors;
}

function unserved(why: string): ServingError {
  return new ServingError('unsupported', why);
}
