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
import { ServingError } from '../../core/errors.ts';
import { quoteName } from '../../core/list-names.ts';
import type { ModelSpec } from '../../core/model-spec.ts';
import { PredictRequestMemo, readPredictRequest } from '../../core/predict-request-reader.ts';
import { STAGE_DECODE, STAGE_ENCODE } from '../../telemetry/stage-clock.ts';
import { readExamplesRequest } from '../grpc/example-input-reader.ts';
import { writeClassificationResponse, writeRegressionResponse } from '../grpc/inference-response-writer.ts';
import { PredictResponseWriter } from '../grpc/predict-response-writer.ts';
import { classify } from '../handlers/classify.ts';
import type { PredictHandler } from '../handlers/predict.ts';
import { regress } from '../handlers/regress.ts';
import type { RequestContext } from '../request-context.ts';
import type { RouteKind } from './routes.ts';

export interface RestProtobufOptions {
  /** Answer with tensor_content instead of the typed *_val fields. */
  readonly serializationAsTensorContent: boolean;
  /** What the tensors of one request may take together once decoded, in bytes. */
  readonly maxTensorBytes: number;
}

/** The message of a request and what its path says → the message of the answer. */
type Verb = (body: Buffer, path: ModelSpec, context: RequestContext) => Promise<Uint8Array>;

export class RestProtobuf {
  readonly #predict: PredictHandler;
  readonly #options: RestProtobufOptions;
  readonly #memo = new PredictRequestMemo();
  readonly #responses: PredictResponseWriter;
  /** By the kind of the route. */
  readonly #verbs: ReadonlyMap<RouteKind, Verb> = new Map<RouteKind, Verb>([
    ['predict', (body, path, context) => this.#answerPredict(body, path, context)],
    ['classify', (body, path, context) => this.#answerClassify(body, path, context)],
    ['regress', (body, path, context) => this.#answerRegress(body, path, context)],
  ]);

  constructor(predict: PredictHandler, options: RestProtobufOptions) {
    this.#predict = predict;
    this.#options = options;
    this.#responses = new PredictResponseWriter(options.serializationAsTensorContent);
  }

  /** Rejects with ServingError, or the cancel reason. */
  async answer(kind: RouteKind, body: Buffer, path: ModelSpec, context: RequestContext): Promise<Buffer> {
    const verb = this.#verbs.get(kind);
    if (verb === undefined) throw new ServingError('unsupported', 'this path takes no protobuf; send JSON');
    context.stages.enter(STAGE_DECODE, context.now());
    const { buffer, byteOffset, byteLength } = await verb(body, path, context);
    return Buffer.from(buffer, byteOffset, byteLength);
  }

  async #answerPredict(body: Buffer, path: ModelSpec, context: RequestContext): Promise<Uint8Array> {
    const { maxTensorBytes } = this.#options;
    const { modelSpec, inputs, outputFilter } = readPredictRequest(body, maxTensorBytes, this.#memo, path);
    const target = this.#predict.resolve(agreedSpec(path, modelSpec), context);
    const outputs = await this.#predict.predict(target, inputs, outputFilter, context);
    context.cancel.throwIfCancelled();
    context.stages.enter(STAGE_ENCODE, context.now());
    return this.#responses.write(target.modelSpec, outputs);
  }

  async #answerClassify(body: Buffer, path: ModelSpec, context: RequestContext): Promise<Uint8Array> {
    const { maxTensorBytes } = this.#options;
    const { modelSpec, examples } = readExamplesRequest(body, 'ClassificationRequest', maxTensorBytes, path);
    const classified = await classify(this.#predict, agreedSpec(path, modelSpec), examples, context);
    context.cancel.throwIfCancelled();
    context.stages.enter(STAGE_ENCODE, context.now());
    return writeClassificationResponse(classified);
  }

  async #answerRegress(body: Buffer, path: ModelSpec, context: RequestContext): Promise<Uint8Array> {
    const { maxTensorBytes } = this.#options;
    const { modelSpec, examples } = readExamplesRequest(body, 'RegressionRequest', maxTensorBytes, path);
    const regressed = await regress(this.#predict, agreedSpec(path, modelSpec), examples, context);
    context.cancel.throwIfCancelled();
    context.stages.enter(STAGE_ENCODE, context.now());
    return writeRegressionResponse(regressed);
  }
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
