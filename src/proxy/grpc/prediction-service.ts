/**
 * tensorflow.serving.PredictionService: Predict, Classify, Regress, MultiInference and GetModelMetadata.
 */
import { ServingError } from '../../core/errors.ts';
import { listNames } from '../../core/list-names.ts';
import { PredictRequestMemo, readPredictRequest } from '../../core/predict-request-reader.ts';
import { messageWithRoom } from '../../core/wire-writer.ts';
import { STAGE_ENCODE } from '../../telemetry/stage-clock.ts';
import { classify } from '../handlers/classify.ts';
import type { ModelInfoHandler } from '../handlers/model-info.ts';
import { multiInference } from '../handlers/multi-inference.ts';
import type { PredictHandler } from '../handlers/predict.ts';
import { regress } from '../handlers/regress.ts';
import type { RequestContext } from '../request-context.ts';
import { type GrpcEngine, MESSAGE_HEAD_BYTES } from './engine.ts';
import { readExamplesRequest, readMultiInferenceRequest } from './example-input-reader.ts';
import {
  writeClassificationResponse,
  writeMultiInferenceResponse,
  writeRegressionResponse,
} from './inference-response-writer.ts';
import { readModelMetadataRequest, SIGNATURE_DEF, writeModelMetadataResponse } from './model-metadata-codec.ts';
import { PredictResponseWriter } from './predict-response-writer.ts';
import { type UnaryHandler, type UnaryReply, type UnarySurroundings, unaryMethod } from './unary-exchange.ts';

export const PREDICTION_SERVICE = 'tensorflow.serving.PredictionService';

export interface PredictionServiceOptions {
  readonly predict: PredictHandler;
  readonly modelInfo: ModelInfoHandler;
  /** Answer with tensor_content instead of the typed *_val fields. */
  readonly serializationAsTensorContent: boolean;
  /** What the tensors of one request may take together once decoded, in bytes. */
  readonly maxTensorBytes: number;
}

export class PredictionService {
  readonly #options: PredictionServiceOptions;
  readonly #memo = new PredictRequestMemo();
  readonly #responses: PredictResponseWriter;

  constructor(options: PredictionServiceOptions) {
    this.#options = options;
    this.#responses = new PredictResponseWriter(options.serializationAsTensorContent);
  }

  register(engine: GrpcEngine, surroundings: UnarySurroundings): void {
    const methods: Readonly<Record<string, UnaryHandler>> = {
      Predict: (message, context, reply) => this.#predict(message, context, reply),
      Classify: (message, context) => this.#classify(message, context),
      Regress: (message, context) => this.#regress(message, context),
      MultiInference: (message, context) => this.#multiInference(message, context),
      GetModelMetadata: (message, context) => this.#metadata(message, context),
    };
    for (const [name, handle] of Object.entries(methods)) {
      engine.register(unaryMethod(PREDICTION_SERVICE, name, surroundings, handle));
    }
  }

  /** No promise is made of what is refused: under overload that is most requests. */
  #predict(message: Uint8Array, context: RequestContext, reply: UnaryReply): undefined {
    const { predict, maxTensorBytes } = this.#options;
    const { modelSpec, inputs, outputFilter } = readPredictRequest(message, maxTensorBytes, this.#memo);
    const target = predict.resolve(modelSpec, context);
    reply.answerWith(predict.predict(target, inputs, outputFilter, context), (outputs) => {
      context.stages.enter(STAGE_ENCODE, context.now());
      return this.#responses.write(target.modelSpec, outputs, MESSAGE_HEAD_BYTES);
    });
  }

  async #classify(message: Uint8Array, context: RequestContext): Promise<Uint8Array> {
    const { predict, maxTensorBytes } = this.#options;
    const { modelSpec, examples } = readExamplesRequest(message, 'ClassificationRequest', maxTensorBytes);
    const classified = await classify(predict, modelSpec, examples, context);
    context.stages.enter(STAGE_ENCODE, context.now());
    return writeClassificationResponse(classified, MESSAGE_HEAD_BYTES);
  }

  async #regress(message: Uint8Array, context: RequestContext): Promise<Uint8Array> {
    const { predict, maxTensorBytes } = this.#options;
    const { modelSpec, examples } = readExamplesRequest(message, 'RegressionRequest', maxTensorBytes);
    const regressed = await regress(predict, modelSpec, examples, context);
    context.stages.enter(STAGE_ENCODE, context.now());
    return writeRegressionResponse(regressed, MESSAGE_HEAD_BYTES);
  }

  async #multiInference(message: Uint8Array, context: RequestContext): Promise<Uint8Array> {
    const { predict, maxTensorBytes } = this.#options;
    const { tasks, examples } = readMultiInferenceRequest(message, maxTensorBytes);
    const results = await multiInference(predict, tasks, examples, context);
    context.stages.enter(STAGE_ENCODE, context.now());
    return writeMultiInferenceResponse(results, MESSAGE_HEAD_BYTES);
  }

  #metadata(message: Uint8Array, context: RequestContext): Uint8Array {
    const { modelSpec, fields } = readModelMetadataRequest(message);
    const unknown = fields.filter((field) => field !== SIGNATURE_DEF);
    if (fields.length === 0 || unknown.length > 0) {
      const sent = fields.length === 0 ? 'is empty' : `has ${listNames(unknown)}`;
      throw new ServingError(
        'invalid_request',
        `metadata_field ${sent}; send "${SIGNATURE_DEF}", the only one there is`,
      );
    }
    const metadata = this.#options.modelInfo.metadata(modelSpec, context);
    context.stages.enter(STAGE_ENCODE, context.now());
    return messageWithRoom(MESSAGE_HEAD_BYTES, [writeModelMetadataResponse(metadata)]);
  }
}
