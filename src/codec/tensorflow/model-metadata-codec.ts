/**
 * The messages of GetModelMetadata (tensorflow_serving/apis/get_model_metadata.proto, tensorflow's SignatureDef).
 */
import type { ModelMetadata } from '../../core/model-metadata.ts';
import type { ModelSpec } from '../../core/model-spec.ts';
import type { Shape } from '../../core/shape.ts';
import type { Signature, TensorSpec } from '../../core/signature.ts';
import type { Tensor } from '../../core/tensor.ts';
import { lengthDelimited, WireReader } from '../protobuf/wire-reader.ts';
import { bytesField, mapField, message, messageField, varintField, WireWriter } from '../protobuf/wire-writer.ts';
import { batchAxesText } from './batch-axes-text.ts';
import { encodeRequestedSpec, missingModelSpec, readModelSpec } from './model-spec-codec.ts';
import { DIM_SIZE, SHAPE_DIM, SHAPE_UNKNOWN_RANK } from './tensor-proto/tensor-fields.ts';
import { measureTensor, writeTensor } from './tensor-proto/tensor-proto-writer.ts';
import { DATA_TYPES } from './tensor-proto/tf-dtype.ts';

/** TensorFlow Serving's only metadata field. */
export const SIGNATURE_DEF = 'signature_def';

/** The key beside it, in Pillion alone: a line for each part that is not served, or otherwise than the file has it. */
export const NOTES = 'notes';

/** The key of the columns of inputs (core/columns/told-columns.ts), as JSON. */
export const COLUMNS = 'columns';

/** The key of how requests share runs (batch-axes-text.ts), for a Pillion that sends them here. */
export const BATCH_AXES = 'batch_axes';

const STRING_TYPE = 'type.googleapis.com/google.protobuf.StringValue';
const SIGNATURE_DEF_MAP_TYPE = 'type.googleapis.com/tensorflow.serving.SignatureDefMap';

export interface ModelMetadataRequest {
  readonly modelSpec: ModelSpec;
  readonly fields: readonly string[];
}

/** Fields: 1 model_spec, 2 metadata_field. */
export function readModelMetadataRequest(bytes: Uint8Array): ModelMetadataRequest {
  const reader = new WireReader(bytes, 'GetModelMetadataRequest');
  const fields: string[] = [];
  let modelSpec: ModelSpec | undefined;
  while (reader.next()) {
    if (reader.tag === lengthDelimited(1)) modelSpec = readModelSpec(reader, modelSpec);
    else if (reader.tag === lengthDelimited(2)) fields.push(reader.string());
    else reader.skip();
  }
  if (modelSpec === undefined) throw missingModelSpec('GetModelMetadataRequest');
  return { modelSpec, fields };
}

/** Fields: 1 model_spec {1 name, 2 version Int64Value}, 2 metadata map<string, Any {1 type_url, 2 value}>. */
export function writeModelMetadataResponse(metadata: ModelMetadata): Uint8Array {
  const { name, version, signatures, notes = [], columns, tellsBatchAxes = false } = metadata;
  const entries = [...signatures].map(([key, signature]) => mapField(1, key, signatureDef(signature)));
  const any = message(bytesField(1, SIGNATURE_DEF_MAP_TYPE), bytesField(2, message(...entries)));
  return message(
    messageField(1, encodeRequestedSpec({ name, version })),
    mapField(2, SIGNATURE_DEF, any),
    ...(notes.length > 0 ? [mapField(2, NOTES, textValue(notes.join('\n')))] : []),
    ...(columns === undefined ? [] : [mapField(2, COLUMNS, textValue(JSON.stringify(columns)))]),
    ...(tellsBatchAxes ? [mapField(2, BATCH_AXES, textValue(batchAxesText(signatures)))] : []),
  );
}

/** Writes an Any with a StringValue. */
function textValue(text: string): Uint8Array {
  return message(bytesField(1, STRING_TYPE), bytesField(2, message(bytesField(1, text))));
}

/** SignatureDef: 1 inputs, 2 outputs (maps of TensorInfo), 3 method_name, 4 defaults (a map of TensorProto). */
function signatureDef(signature: Signature): Uint8Array {
  const inputs = [...signature.inputs].map(([key, spec]) => mapField(1, key, tensorInfo(spec)));
  const outputs = [...signature.outputs].map(([key, spec]) => mapField(2, key, tensorInfo(spec)));
  const defaults = [...(signature.defaults ?? [])].map(([key, tensor]) => mapField(4, key, tensorProto(tensor)));
  return message(...inputs, ...outputs, bytesField(3, signature.methodName), ...defaults);
}

function tensorProto(tensor: Tensor): Uint8Array {
  const measure = measureTensor(tensor, false);
  const writer = new WireWriter(measure.size);
  writeTensor(writer, tensor, measure);
  return writer.buffer;
}

/** TensorInfo: 1 name (in a oneof, so it is written even if empty), 2 dtype, 3 tensor_shape. */
function tensorInfo(spec: TensorSpec): Uint8Array {
  return message(
    messageField(1, spec.tensorName),
    varintField(2, DATA_TYPES[spec.dtype]),
    messageField(3, shapeProto(spec.shape)),
  );
}

function shapeProto(shape: Shape | undefined): Uint8Array {
  if (shape === undefined) return varintField(SHAPE_UNKNOWN_RANK, true);
  return message(...shape.map((dim) => messageField(SHAPE_DIM, varintField(DIM_SIZE, dim))));
}
