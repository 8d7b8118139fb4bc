/**
 * Protobuf over REST: body and answer are the messages of the gRPC method, on the path of the JSON method. The codecs
 * are those of gRPC, so both surfaces read and write the same bytes.
 *
 *   POST /v1/models/m:predict,  content-type: application/x-protobuf, PredictRequest ──▶ PredictResponse
 *   POST /v1/models/m:classify, …                                     ClassificationRequest ──▶ ClassificationResponse
 *   POST /v1/models/m:regress,  …                                     RegressionRequest ──▶ RegressionResponse
 *
 * The path names the model: model_spec may be left out or add a version, a label or the signature, but must not differ
 * from the path. Errors are JSON, as everywhere on this surface; the answer's Content-Type says so.
 *
 * Tensors are views of the body, which therefore must belong to the request and stay unchanged until the answer.
 */
import { Buffer } from 'node:buffer';
import { readExamplesRequest } from '../../../../codec/tensorflow/example-input-reader.ts';
import {
  writeClassificationResponse,
  writeRegressionResponse,
} from '../../../../codec/tensorflow/inference-response-writer.ts';
import { PredictLayouts, readPredictRequest } from '../../../../codec/tensorflow/predict-reader.ts';
import { writePredictResponse } from '../../../../codec/tensorflow/predict-writer.ts';
import { ServingError } from '../../../../core/errors.ts';
import type { Classified, Regressed } from '../../../../core/inference-results.ts';
import { quoteName } from '../../../../core/list-names.ts';
import type { ModelSpec } from '../../../../core/model-spec.ts';
import type { TensorMap } from '../../../../core/tensor.ts';
import type { Method } from '../../../exchange.ts';
import { CLASSIFY } from '../../../handlers/classify.ts';
import { ExamplesCall, type ExamplesRequest } from '../../../handlers/examples-call.ts';
import type { ModelResolver } from '../../../handlers/model-resolver.ts';
import { PredictCall } from '../../../handlers/predict.ts';
import { REGRESS } from '../../../handlers/regress.ts';
import type { RouteKind } from './routes.ts';

export interface RestProtobufOptions {
  /** Answer with tensor_content instead of the typed *_val fields. */
  readonly serializationAsTensorContent: boolean;
  /** Limit of all tensors of one request together, decoded, in bytes. */
  readonly maxTensorBytes: number;
}

/** The methods that take protobuf, by the kind of their route. */
export function protobufMethods(
  resolver: ModelResolver,
  options: RestProtobufOptions,
): ReadonlyMap<RouteKind, Method<Buffer>> {
  const { maxTensorBytes, serializationAsTensorContent } = options;
  const layouts = new PredictLayouts();
  const predict: Method<Buffer, TensorMap, PredictCall> = {
    name: 'Predict',
    decode(body, path, context) {
      const asked = readPredictRequest(body, maxTensorBytes, layouts, path);
      return new PredictCall(resolver, { ...asked, modelSpec: mergedSpec(path, asked.modelSpec) }, context);
    },
    encode: (outputs, { served }) => bufferOf(writePredictResponse(served, outputs, serializationAsTensorContent)),
  };
  const classify: Method<Buffer, Classified> = {
    name: 'Classify',
    decode: (body, path, context) =>
      new ExamplesCall(CLASSIFY, resolver, examplesOf(body, path, 'ClassificationRequest'), context),
    encode: (classified) => bufferOf(writeClassificationResponse(classified)),
  };
  const regress: Method<Buffer, Regressed> = {
    name: 'Regress',
    decode: (body, path, context) =>
      new ExamplesCall(REGRESS, resolver, examplesOf(body, path, 'RegressionRequest'), context),
    encode: (regressed) => bufferOf(writeRegressionResponse(regressed)),
  };
  const examplesOf = (body: Buffer, path: ModelSpec, message: string): ExamplesRequest => {
    const { modelSpec, examples } = readExamplesRequest(body, message, maxTensorBytes, path);
    return { modelSpec: mergedSpec(path, modelSpec), examples };
  };
  return new Map<RouteKind, Method<Buffer>>([
    ['predict', predict],
    ['classify', classify],
    ['regress', regress],
  ]);
}

function bufferOf({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

/** Merges the specs of the path and the message. Throws `invalid_request` where they differ. */
function mergedSpec(path: ModelSpec, sent: ModelSpec): ModelSpec {
  if (sent === path) return path;
  if (sent.name !== '' && sent.name !== path.name) {
    throw differ(`model_spec.name is ${quoteName(sent.name)}`, `model ${quoteName(path.name)}`);
  }
  const { signatureName } = sent;
  const sentChoice = { version: sent.version, label: sent.label };
  if (path.version === undefined && path.label === undefined) return { name: path.name, ...sentChoice, signatureName };
  const isSilent = sent.version === undefined && sent.label === undefined;
  if (!isSilent && (sent.version !== path.version || sent.label !== path.label)) {
    throw differ(`model_spec names ${choiceText(sent)}`, choiceText(path));
  }
  return { ...path, signatureName };
}

function choiceText({ version, label }: ModelSpec): string {
  return version === undefined ? `label ${quoteName(label ?? '')}` : `version ${version}`;
}

function differ(sent: string, path: string): ServingError {
  return new ServingError('invalid_request', `${sent}, but the path names ${path}; leave it out of one of the two`);
}
