/**
 * tensorflow.serving.PredictionService: Predict and GetModelMetadata; the rest of it answers UNIMPLEMENTED.
 */
import { ServingError } from '../../core/errors.ts';
import { messageWithRoom } from '../../core/wire-writer.ts';
import { STAGE_ENCODE } from '../../telemetry/stage-clock.ts';
import { listNames } from '../handlers/list-names.ts';
import type { ModelInfoHandler } from '../handlers/model-info.ts';
import type { PredictHandler } from '../handlers/predict.ts';
import type { RequestContext } from '../request-context.ts';
import { type GrpcEngine, MESSAGE_HEAD_BYTES } from './engine.ts';
import { readModelMetadataRequest, SIGNATURE_DEF, writeModelMetadataResponse } from './model-metadata-codec.ts';
import { ModelSpecMemo } from './model-spec-codec.ts';
import { readPredictRequest } from './predict-request-reader.ts';
import { writePredictResponse } from './predict-response-writer.ts';
import { type UnarySurroundings, unaryMethod, unbuiltMethod } from './unary-exchange.ts';

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
  readonly #specs = new ModelSpecMemo();

  constructor(options: PredictionServiceOptions) {
    this.#options = options;
  }

  register(engine: GrpcEngine, surroundings: UnarySurroundings): void {
    engine.register(
      unaryMethod(PREDICTION_SERVICE, 'Predict', surroundings, (message, context) => this.#predict(message, context)),
    );
    engine.register(
      unaryMethod(PREDICTION_SERVICE, 'GetModelMetadata', surroundings, (message, context) =>
        this.#metadata(message, context),
      ),
    );
    for (const name of ['Classify', 'Regress', 'MultiInference']) {
      engine.register(
        unbuiltMethod(PREDICTION_SERVICE, name, surroundings, 'send the features as tensors with Predict'),
      );
    }
  }

  async #predict(message: Uint8Array, context: RequestContext): Promise<Uint8Array> {
    const { predict, serializationAsTensorContent, maxTensorBytes } = this.#options;
    const { modelSpec, inputs, outputFilter } = readPredictRequest(message, maxTensorBytes, this.#specs);
    const target = predict.resolve(modelSpec, context);
    const outputs = await predict.predict(target, inputs, outputFilter, context);
    context.stages.enter(STAGE_ENCODE, context.now());
    return writePredictResponse(target.modelSpec, outputs, serializationAsTensorContent, MESSAGE_HEAD_BYTES);
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
