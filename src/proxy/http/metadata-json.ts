/**
 * GetModelMetadata's answer as TensorFlow Serving writes it: the signatures in a map in a message in a map
 * ("signature_def" twice), 64-bit integers as strings, defaults printed. The signature_name of its model_spec is always
 * empty.
 */
import type { Signature, TensorSpec } from '../../core/signature.ts';
import type { ModelMetadata } from '../handlers/model-info.ts';
import { dataTypeNameOf } from '../tf-dtype.ts';

export function metadataJson(metadata: ModelMetadata): string {
  return JSON.stringify({
    model_spec: { name: metadata.name, signature_name: '', version: metadata.version.toString() },
    metadata: { signature_def: { signature_def: mapValues(metadata.signatures, signatureDef) } },
  });
}

function signatureDef(signature: Signature): object {
  return {
    inputs: mapValues(signature.inputs, tensorInfo),
    outputs: mapValues(signature.outputs, tensorInfo),
    method_name: signature.methodName,
    defaults: {},
  };
}

function tensorInfo({ dtype, shape, tensorName }: TensorSpec): object {
  const dim = (shape ?? []).map((size) => ({ size: size.toString(), name: '' }));
  return {
    dtype: dataTypeNameOf(dtype),
    tensor_shape: { dim, unknown_rank: shape === undefined },
    name: tensorName,
  };
}

function mapValues<T>(map: ReadonlyMap<string, T>, convert: (value: T) => object): object {
  // fromEntries makes "__proto__" an ordinary key; numeric keys come first, as in any JSON object of JavaScript.
  return Object.fromEntries([...map].map(([name, value]) => [name, convert(value)]));
}
