/**
 * TensorFlow Serving's API as a client: GetModelMetadata and Predict. A Pillion also says in GetModelMetadata how
 * requests share runs; TensorFlow Serving refuses that question, and Triton has no such method.
 *
 *   GetModelMetadataResponse {2 metadata: map<string, Any>}
 *   Any {2 value: SignatureDefMap {1 signature_def: map<string, SignatureDef>}}
 *
 * Maps have no order in protobuf: names are sorted, so that a model is the same at every load.
 */
import { lengthDelimited, WireReader } from '../../codec/protobuf/wire-reader.ts';
import { bytesField, message, messageField } from '../../codec/protobuf/wire-writer.ts';
import { readBatchAxesText } from '../../codec/tensorflow/batch-axes-text.ts';
import { BATCH_AXES } from '../../codec/tensorflow/model-metadata-codec.ts';
import { encodeRequestedSpec, readModelSpec } from '../../codec/tensorflow/model-spec-codec.ts';
import { readPredictResponse, readTensorEntry } from '../../codec/tensorflow/predict-reader.ts';
import { writePredictRequest } from '../../codec/tensorflow/predict-writer.ts';
import { tensorBudget } from '../../codec/tensorflow/tensor-proto/tensor-budget.ts';
import { dtypeOf } from '../../codec/tensorflow/tensor-proto/tf-dtype.ts';
import type { ModelSpec } from '../../core/model-spec.ts';
import { PREDICT_METHOD_NAME, type Signature, type TensorSpec } from '../../core/signature.ts';
import type { Tensor } from '../../core/tensor.ts';
import { forEachField, inside, readMapEntry, readSignatureDef, type SignatureDef } from '../signature-def.ts';
import { type AxisQuestion, batchAxisOf, type RemoteProtocol, type ReportedAxes } from './remote-protocol.ts';

const SERVICE = '/tensorflow.serving.PredictionService';
const METADATA = lengthDelimited(2);
const ANY_VALUE = lengthDelimited(2);
const SIGNATURE_DEF = lengthDelimited(1);
const STRING_VALUE = lengthDelimited(1);
const MODEL_SPEC_OF_METADATA = 1;
const MODEL_SPEC_OF_PREDICT = 2;
/** Largest default value of an input, in bytes: it is one row. */
const MAX_DEFAULT_BYTES = 64 * 2 ** 20;

/** `spec` is the model by its name on the other server. */
export function tensorflowServingProtocol(spec: ModelSpec): RemoteProtocol {
  return {
    metadataPath: `${SERVICE}/GetModelMetadata`,
    /** Fields: 1 model_spec, 2 metadata_field. */
    writeMetadataRequest: () => message(messageField(1, encodeRequestedSpec(spec)), bytesField(2, 'signature_def')),
    readSignatures,
    predictPath: `${SERVICE}/Predict`,
    writePredictRequest: (signatureName, inputs, outputs) =>
      writePredictRequest({ ...spec, signatureName }, inputs, outputs),
    readPredictResponse: (bytes) => readPredictResponse(bytes, Infinity),
    readAnsweringVersion: (bytes) => readResponseSpec(bytes, MODEL_SPEC_OF_PREDICT)?.version?.toString(),
    axisQuestions: [pillionAxes(spec)],
  };
}

/** Asks another Pillion for the model's batch axes, whatever protocol its requests come by. */
export function pillionAxes(spec: ModelSpec): AxisQuestion {
  return {
    path: `${SERVICE}/GetModelMetadata`,
    write: () => message(messageField(1, encodeRequestedSpec(spec)), bytesField(2, BATCH_AXES)),
    read: readReportedAxes,
  };
}

/** GetModelMetadataResponse {1 model_spec, 2 metadata: map<string, Any {2 value: StringValue {1 value}}>}. */
function readReportedAxes(bytes: Uint8Array): ReportedAxes {
  const reader = new WireReader(bytes, 'GetModelMetadataResponse');
  const texts = new Map<string, string>();
  forEachField(reader, () => {
    if (reader.tag === METADATA) readMapEntry(reader, texts, () => readTextValue(reader));
    else reader.skip();
  });
  const version = readResponseSpec(bytes, MODEL_SPEC_OF_METADATA)?.version?.toString();
  return { version, axes: readBatchAxesText(texts.get(BATCH_AXES) ?? '') };
}

function readTextValue(reader: WireReader): string | undefined {
  let text: string | undefined;
  forEachField(reader, () => {
    if (reader.tag !== ANY_VALUE) reader.skip();
    else if (text !== undefined) reader.skip();
    else text = inside(reader, () => readStringValue(reader));
  });
  return text;
}

function readStringValue(reader: WireReader): string {
  let text = '';
  forEachField(reader, () => {
    if (reader.tag === STRING_VALUE) text = reader.string();
    else reader.skip();
  });
  return text;
}

/** The model_spec of an answer, which is in this field. */
function readResponseSpec(bytes: Uint8Array, field: number): ModelSpec | undefined {
  const reader = new WireReader(bytes, 'the answer');
  let spec: ModelSpec | undefined;
  forEachField(reader, () => {
    if (reader.tag === lengthDelimited(field)) spec = readModelSpec(reader, spec);
    else reader.skip();
  });
  return spec;
}

function readSignatures(message: Uint8Array): ReadonlyMap<string, Signature> {
  const reader = new WireReader(message, 'GetModelMetadataResponse');
  const signatures = new Map<string, Signature>();
  forEachField(reader, () => {
    if (reader.tag === METADATA) readMapEntry(reader, new Map(), () => readAny(reader, signatures));
    else reader.skip();
  });
  return sorted(signatures);
}

function readAny(reader: WireReader, signatures: Map<string, Signature>): void {
  forEachField(reader, () => {
    if (reader.tag === ANY_VALUE) inside(reader, () => readSignatureDefMap(reader, signatures));
    else reader.skip();
  });
}

function readSignatureDefMap(reader: WireReader, signatures: Map<string, Signature>): void {
  forEachField(reader, () => {
    if (reader.tag === SIGNATURE_DEF) readMapEntry(reader, signatures, () => readSignature(reader));
    else reader.skip();
  });
}

/** Undefined if a tensor has an unsupported type, or there are no outputs (an initialiser). */
function readSignature(reader: WireReader): Signature | undefined {
  const defaults = new Map<string, Tensor>();
  const readDefault = (): void => readTensorEntry(reader, defaults, tensorBudget(MAX_DEFAULT_BYTES));
  const def = readSignatureDef(reader, readDefault, undefined);
  const inputs = specsOf(def.inputs);
  const outputs = specsOf(def.outputs);
  if (inputs === undefined || outputs === undefined || outputs.size === 0) return undefined;
  const methodName = def.methodName || PREDICT_METHOD_NAME;
  const signature = { inputs, outputs, methodName, batchAxis: batchAxisOf(inputs, outputs) };
  return defaults.size === 0 ? signature : { ...signature, defaults };
}

/** Undefined if a tensor has an unsupported type. */
function specsOf(infos: SignatureDef['inputs']): ReadonlyMap<string, TensorSpec> | undefined {
  const specs = new Map<string, TensorSpec>();
  for (const [name, { tensorName = '', dtype: number, shape }] of infos) {
    const dtype = dtypeOf(number);
    if (dtype === undefined) return undefined;
    specs.set(name, { dtype, shape, tensorName });
  }
  return sorted(specs);
}

function sorted<T>(entries: ReadonlyMap<string, T>): ReadonlyMap<string, T> {
  return new Map([...entries].sort(([a], [b]) => (a < b ? -1 : 1)));
}
