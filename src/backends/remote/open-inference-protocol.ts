/**
 * The Open Inference Protocol (KServe V2) as a client: ModelMetadata and ModelInfer of inference.GRPCInferenceService.
 * Requests carry tensors as raw bytes; answers are read in both forms.
 *
 * The protocol has no signatures: a model gets one, `serving_default`. It has no word for rows that keep apart, either:
 * a Pillion is asked by TensorFlow Serving's API, and a Triton for its ModelConfig, where a max_batch_size above 0 is
 * the declaration that dim 0 is a batch. Triton's own scheduler joins requests by the same declaration.
 */
import { dtypeOfDatatype } from '../../codec/open-inference/datatypes.ts';
import {
  type OpenInferenceModel,
  readInferResponse,
  writeInferRequest,
} from '../../codec/open-inference/open-inference-messages.ts';
import { lengthDelimited, varintTag, WireReader } from '../../codec/protobuf/wire-reader.ts';
import { bytesField, message } from '../../codec/protobuf/wire-writer.ts';
import { DEFAULT_SIGNATURE_NAME, PREDICT_METHOD_NAME, type Signature, type TensorSpec } from '../../core/signature.ts';
import { forEachField, inside } from '../signature-def.ts';
import { type AxisQuestion, batchAxisOf, type RemoteProtocol, type ReportedAxes } from './remote-protocol.ts';
import { pillionAxes } from './tensorflow-serving-protocol.ts';

const SERVICE = '/inference.GRPCInferenceService';

export function openInferenceProtocol(model: OpenInferenceModel): RemoteProtocol {
  return {
    metadataPath: `${SERVICE}/ModelMetadata`,
    /** Fields: 1 name, 2 version. */
    writeMetadataRequest: () => message(bytesField(1, model.name), bytesField(2, model.version)),
    readSignatures,
    predictPath: `${SERVICE}/ModelInfer`,
    writePredictRequest: (_signatureName, inputs, outputs) => writeInferRequest(model, inputs, outputs),
    readPredictResponse: readInferResponse,
    readAnsweringVersion,
    axisQuestions: [pillionAxes({ name: model.name, version: versionOf(model), label: undefined }), configAxes(model)],
  };
}

function versionOf({ version }: OpenInferenceModel): bigint | undefined {
  return version === '' ? undefined : BigInt(version);
}

/** ModelInferResponse: 1 model_name, 2 model_version. */
function readAnsweringVersion(bytes: Uint8Array): string | undefined {
  const reader = new WireReader(bytes, 'ModelInferResponse');
  while (reader.next()) {
    if (reader.tag === lengthDelimited(2)) return reader.string();
    reader.skip();
  }
  return undefined;
}

function configAxes(model: OpenInferenceModel): AxisQuestion {
  return {
    path: `${SERVICE}/ModelConfig`,
    /** Fields: 1 name, 2 version. */
    write: () => message(bytesField(1, model.name), bytesField(2, model.version)),
    read: readConfigAxes,
  };
}

/** ModelConfigResponse {1 config: ModelConfig {4 max_batch_size}}. */
function readConfigAxes(bytes: Uint8Array): ReportedAxes {
  const reader = new WireReader(bytes, 'ModelConfigResponse');
  let rows = 0;
  forEachField(reader, () => {
    if (reader.tag === lengthDelimited(1)) rows = inside(reader, () => readMaxBatchSize(reader));
    else reader.skip();
  });
  const reason = `max_batch_size: ${rows} in its configuration`;
  const axis = { kind: rows > 0 ? 'dynamic' : 'none', reason } as const;
  return { version: undefined, axes: new Map([[DEFAULT_SIGNATURE_NAME, axis]]) };
}

function readMaxBatchSize(reader: WireReader): number {
  let rows = 0;
  forEachField(reader, () => {
    if (reader.tag === varintTag(4)) rows = reader.int64AsNumber();
    else reader.skip();
  });
  return rows;
}

/** ModelMetadataResponse: 1 name, 2 versions, 3 platform, 4 inputs, 5 outputs. */
function readSignatures(bytes: Uint8Array): ReadonlyMap<string, Signature> {
  const reader = new WireReader(bytes, 'ModelMetadataResponse');
  const inputs = new Map<string, TensorSpec>();
  const outputs = new Map<string, TensorSpec>();
  let isSupported = true;
  while (reader.next()) {
    if (reader.tag === lengthDelimited(4)) isSupported = readTensorMetadata(reader, inputs) && isSupported;
    else if (reader.tag === lengthDelimited(5)) isSupported = readTensorMetadata(reader, outputs) && isSupported;
    else reader.skip();
  }
  if (!isSupported || outputs.size === 0) return new Map();
  const signature = { inputs, outputs, methodName: PREDICT_METHOD_NAME, batchAxis: batchAxisOf(inputs, outputs) };
  return new Map([[DEFAULT_SIGNATURE_NAME, signature]]);
}

/** TensorMetadata: 1 name, 2 datatype, 3 shape. Returns false for an unsupported type. */
function readTensorMetadata(reader: WireReader, specs: Map<string, TensorSpec>): boolean {
  let name = '';
  let datatype = '';
  const shape: number[] = [];
  const outer = reader.enter();
  while (reader.next()) {
    if (reader.tag === lengthDelimited(1)) name = reader.string();
    else if (reader.tag === lengthDelimited(2)) datatype = reader.string();
    else if (reader.tag === varintTag(3)) shape.push(reader.int64AsNumber());
    else if (reader.tag === lengthDelimited(3)) {
      const end = reader.enter();
      while (reader.position < reader.end) shape.push(reader.int64AsNumber());
      reader.leave(end);
    } else reader.skip();
  }
  reader.leave(outer);
  const dtype = dtypeOfDatatype(datatype);
  if (dtype !== undefined) specs.set(name, { dtype, shape, tensorName: name });
  return dtype !== undefined;
}
