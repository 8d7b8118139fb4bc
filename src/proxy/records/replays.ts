/**
 * How the request of a PredictionLog of each kind is run, and what compares its answer with a recorded one. Each goes
 * through the handler that its kind of request has, on the one servable: the model's name and version in the request are
 * not looked at, as in TensorFlow Serving, nor need they be there.
 */

import { readExamplesRequest, readMultiInferenceRequest } from '../../codec/tensorflow/example-input-reader.ts';
import {
  readClassificationResponse,
  readMultiInferenceResponse,
  readRegressionResponse,
} from '../../codec/tensorflow/inference-response-reader.ts';
import { readPredictRequest } from '../../codec/tensorflow/predict-request-reader.ts';
import { readPredictResponse } from '../../codec/tensorflow/predict-response-reader.ts';
import { LOG_TYPES, type LogType } from '../../codec/tensorflow/prediction-log.ts';
import type { Clock } from '../../core/clock.ts';
import { ServingError } from '../../core/errors.ts';
import type { ModelSpec } from '../../core/model-spec.ts';
import type { Servable } from '../../models/serving/servable.ts';
import { runCall } from '../call.ts';
import { ClassifyCall } from '../handlers/classify.ts';
import { ModelResolver } from '../handlers/model-resolver.ts';
import { MultiInferenceCall } from '../handlers/multi-inference.ts';
import { PredictCall } from '../handlers/predict.ts';
import { RegressCall } from '../handlers/regress.ts';
import { RequestContext } from '../request-context.ts';
import { differenceOf } from './golden-answer.ts';
import { resultDifference, resultsDifference } from './golden-inference.ts';
import { SingleServable } from './single-servable.ts';

export interface ReplayerOptions {
  readonly clock: Clock;
  /** What the tensors or examples of one message may take together. */
  readonly maxTensorBytes: number;
}

/** One request to replay. */
export interface Replay extends ReplayerOptions {
  readonly servable: Servable;
  /** The request's message. */
  readonly request: Uint8Array;
}

/** Tells what of an answer differs from this recorded message; undefined = nothing. Throws where it is no message. */
export type Compare = (recorded: Uint8Array) => string | undefined;

/** Runs the request; resolves with what compares its answer. Rejects with ServingError. */
export type ReplayRequest = (replay: Replay) => Promise<Compare>;

/** What is done with each kind of record. */
export const REPLAYS: Readonly<Record<LogType, ReplayRequest>> = {
  predict: replayPredict,
  classify: replayClassify,
  regress: replayRegress,
  multi_inference: replayMultiInference,
  session_run: unsupported('session_run'),
  predict_streamed: unsupported('predict_streamed'),
};

/** Field 1, empty: a record need not name a model. Parts of a message are merged, so this changes nothing else. */
const EMPTY_MODEL_SPEC = Uint8Array.of(0x0a, 0x00);
const NO_SPEC: ModelSpec = { name: '' };

async function replayPredict({ clock, maxTensorBytes, servable, request }: Replay): Promise<Compare> {
  const message = new Uint8Array(EMPTY_MODEL_SPEC.length + request.byteLength);
  message.set(EMPTY_MODEL_SPEC);
  message.set(request, EMPTY_MODEL_SPEC.length);
  const asked = readPredictRequest(message, maxTensorBytes);
  const modelSpec = specOn(servable, asked.modelSpec);
  const context = replayContext(clock, 'Predict');
  const outputs = await runCall(new PredictCall(handlerOf(servable), { ...asked, modelSpec }, context));
  return (recorded) => differenceOf(outputs, readPredictResponse(recorded, maxTensorBytes));
}

async function replayClassify({ clock, maxTensorBytes, servable, request }: Replay): Promise<Compare> {
  const { modelSpec, examples } = readExamplesRequest(request, 'ClassificationRequest', maxTensorBytes, NO_SPEC);
  const context = replayContext(clock, 'Classify');
  const asked = { modelSpec: specOn(servable, modelSpec), examples };
  const { result } = await runCall(new ClassifyCall(handlerOf(servable), asked, context));
  return (recorded) => answer(resultDifference(result, readClassificationResponse(recorded, maxTensorBytes)));
}

async function replayRegress({ clock, maxTensorBytes, servable, request }: Replay): Promise<Compare> {
  const { modelSpec, examples } = readExamplesRequest(request, 'RegressionRequest', maxTensorBytes, NO_SPEC);
  const context = replayContext(clock, 'Regress');
  const asked = { modelSpec: specOn(servable, modelSpec), examples };
  const { result } = await runCall(new RegressCall(handlerOf(servable), asked, context));
  return (recorded) => answer(resultDifference(result, readRegressionResponse(recorded, maxTensorBytes)));
}

async function replayMultiInference({ clock, maxTensorBytes, servable, request }: Replay): Promise<Compare> {
  const { tasks, examples } = readMultiInferenceRequest(request, maxTensorBytes);
  const named = tasks.map(({ modelSpec = NO_SPEC, methodName }) => ({
    modelSpec: specOn(servable, modelSpec),
    methodName,
  }));
  const context = replayContext(clock, 'MultiInference');
  const results = await runCall(new MultiInferenceCall(handlerOf(servable), { tasks: named, examples }, context));
  return (recorded) => resultsDifference(results, readMultiInferenceResponse(recorded, maxTensorBytes));
}

function answer(difference: string | undefined): string | undefined {
  return difference && `the answer ${difference}`;
}

function unsupported(type: LogType): ReplayRequest {
  return async () => {
    throw new ServingError(
      'unsupported',
      `it is a ${type}_log (field ${LOG_TYPES[type]} of PredictionLog), which cannot be replayed here; ` +
        'leave it out, or record the requests as Predict',
    );
  };
}

function handlerOf(servable: Servable): ModelResolver {
  return new ModelResolver(new SingleServable(servable));
}

/** Of a recorded spec the signature alone counts. */
function specOn({ name }: Servable, { signatureName }: ModelSpec): ModelSpec {
  return { name, signatureName };
}

function replayContext(clock: Clock, method: string): RequestContext {
  return new RequestContext({
    clock,
    surface: 'grpc',
    method,
    receivedAt: clock.nowMs(),
    deadline: Infinity,
    id: undefined,
    sequence: 0,
    peer: 'replay',
    trace: undefined,
  });
}
