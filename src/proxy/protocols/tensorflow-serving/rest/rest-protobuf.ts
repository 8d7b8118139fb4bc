/**
 * Protobuf over REST: the message that the gRPC method takes, as the body of the same path; its answer likewise. The
 * codecs are gRPC's own, so both read and write the same bytes.
 *
 *   POST /v1/models/m:predict,  content-type: application/x-protobuf, PredictRequest ──▶ PredictResponse
 *   POST /v1/models/m:classify, …                                     ClassificationRequest ──▶ ClassificationResponse
 *   POST /v1/models/m:regress,  …                                     RegressionRequest ──▶ RegressionResponse
 *
 * The path names the model: model_spec may be left out, or say more (a version, a label, the signature), but must not
 * say otherwise. Errors are JSON, as everywhere on this surface: an answer's Content-Type tells which it is.
 *
 * Tensors are views of the body, which therefore must be the request's own and stay as it is until the answer.
 */
import { Buffer } from 'node:buffer';
import { readExamplesRequest } from '../../../../codec/tensorflow/example-input-reader.ts';
import {
  writeClassificationResponse,
  writeRegressionResponse,
} from '../../../../codec/tensorflow/inference-response-writer.ts';
import { PredictLayouts } from '../../../../codec/tensorflow/predict-layouts.ts';
import { readPredictRequest } from '../../../../codec/tensorflow/predict-request-reader.ts';
import { writePredictResponse } from '../../../../codec/tensorflow/predict-response-writer.ts';
import { ServingError } from '../../../../core/errors.ts';
import type { Classified, Regressed } from '../../../../core/inference-results.ts';
import { quoteName } from '../../../../core/list-names.ts';
import type { ModelSpec } from '../../../../core/model-spec.ts';
import type { TensorMap } from '../../../../core/tensor.ts';
import type { Method } from '../../../exchange.ts';
import { ClassifyCall } from '../../../handlers/classify.ts';
import type { ExamplesAsked } from '../../../handlers/examples-call.ts';
import type { PredictHandler } from '../../../handlers/inference-call.ts';
import { PredictCall } from '../../../handlers/predict.ts';
import { RegressCall } from '../../../handlers/regress.ts';
import type { RouteKind } from './routes.ts';

export interface RestProtobufOptions {
  /** Answer with tensor_content instead of the typed *_val fields. */
  readonly serializationAsTensorContent: boolean;
  /** What the tensors of one request may take together once decoded, in bytes. */
  readonly maxTensorBytes: number;
}

/** The methods that take it, by the kind of their route. */
export function protobufMethods(
  handler: PredictHandler,
  options: RestProtobufOptions,
): ReadonlyMap<RouteKind, Method<Buffer>> {
  const { maxTensorBytes, serializationAsTensorContent } = options;
  const layouts = new PredictLayouts();
  const predict: Method<Buffer, TensorMap, PredictCall> = {
    name: 'Predict',
    decode(body, path, context) {
      const asked = readPredictRequest(body, maxTensorBytes, layouts, path);
      return new PredictCall(handler, { ...asked, modelSpec: agreedSpec(path, asked.modelSpec) }, context);
    },
    encode: (outputs, { served }) => bufferOf(writePredictResponse(served, outputs, serializationAsTensorContent)),
  };
  const classify: Method<Buffer, Classified, ClassifyCall> = {
    name: 'Classify',
    decode: (body, path, context) =>
      new ClassifyCall(handler, examplesOf(body, path, 'ClassificationRequest'), context),
    encode: (classified) => bufferOf(writeClassificationResponse(classified)),
  };
  const regress: Method<Buffer, Regressed, RegressCall> = {
    name: 'Regress',
    decode: (body, path, context) => new RegressCall(handler, examplesOf(body, path, 'RegressionRequest'), context),
    encode: (regressed) => bufferOf(writeRegressionResponse(regressed)),
  };
  const examplesOf = (body: Buffer, path: ModelSpec, message: string): ExamplesAsked => {
    const { modelSpec, examples } = readExamplesRequest(body, message, maxTensorBytes, path);
    return { modelSpec: agreedSpec(path, modelSpec), examples };
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

/** What path and message say together. Throws `invalid_request` where they differ. */
export function agreedSpec(path: ModelSpec, sent: ModelSpec): ModelSpec {
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
