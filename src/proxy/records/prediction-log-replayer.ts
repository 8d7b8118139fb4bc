/**
 * Replays the requests of PredictionLogs on one servable, each through the call of its kind, and compares the answers
 * with the recorded ones if asked to. REPLAYS has one entry for each kind.
 *
 * A replay is no client's request: it has no deadline, no metrics, no log line, and is not recorded again. The model's
 * name and version in the request may be missing and are ignored, as in TensorFlow Serving.
 */
import { readExamplesRequest, readMultiInferenceRequest } from '../../codec/tensorflow/example-input-reader.ts';
import {
  type RecordedResult,
  readClassificationResponse,
  readMultiInferenceResponse,
  readRegressionResponse,
} from '../../codec/tensorflow/inference-response-reader.ts';
import { readPredictRequest, readPredictResponse } from '../../codec/tensorflow/predict-reader.ts';
import { LOG_TYPES, type LogType, readPredictionLog } from '../../codec/tensorflow/prediction-log.ts';
import type { Clock } from '../../core/clock.ts';
import { ServingError } from '../../core/errors.ts';
import type { Classifications, Regressions } from '../../core/inference-results.ts';
import type { ModelSpec } from '../../core/model-spec.ts';
import type { Servable } from '../../models/serving/servable.ts';
import type { RecordReplayer } from '../../models/warm-up/record-replayer.ts';
import { runCall } from '../call.ts';
import { CLASSIFY } from '../handlers/classify.ts';
import { ExamplesCall, type ExamplesMethod } from '../handlers/examples-call.ts';
import { ModelResolver } from '../handlers/model-resolver.ts';
import { MultiInferenceCall } from '../handlers/multi-inference.ts';
import { PredictCall } from '../handlers/predict.ts';
import { REGRESS } from '../handlers/regress.ts';
import { RequestContext } from '../request-context.ts';
import { differenceOf } from './golden-answer.ts';
import { resultDifference, resultsDifference } from './golden-inference.ts';

export interface ReplayerOptions {
  readonly clock: Clock;
  /** Limit of all tensors or examples of one message together, in bytes. */
  readonly maxTensorBytes: number;
}

/** One request to replay. */
interface Replay extends ReplayerOptions {
  readonly servable: Servable;
  readonly request: Uint8Array;
}

/**
 * The first difference between the answer and this recorded message; undefined if there is none. Throws ServingError.
 */
type Compare = (recorded: Uint8Array) => string | undefined;

/** Runs the request and resolves with the comparison of its answer. Rejects with ServingError. */
type ReplayRequest = (replay: Replay) => Promise<Compare>;

export class PredictionLogReplayer implements RecordReplayer {
  readonly #options: ReplayerOptions;

  constructor(options: ReplayerOptions) {
    this.#options = options;
  }

  async replay(servable: Servable, record: Uint8Array): Promise<void> {
    const { type, request } = readPredictionLog(record);
    if (type !== undefined) await REPLAYS[type]({ ...this.#options, servable, request });
  }

  async check(servable: Servable, record: Uint8Array): Promise<void> {
    const { type, request, response } = readPredictionLog(record);
    if (type === undefined) return;
    if (response === undefined) {
      throw invalid('it has a request and no answer to compare with; record the file with --golden');
    }
    const compare = await REPLAYS[type]({ ...this.#options, servable, request });
    const difference = compare(response);
    if (difference !== undefined) throw invalid(difference);
  }
}

const REPLAYS: Readonly<Record<LogType, ReplayRequest>> = {
  predict: replayPredict,
  classify: replayExamples('Classify', 'ClassificationRequest', CLASSIFY, readClassificationResponse),
  regress: replayExamples('Regress', 'RegressionRequest', REGRESS, readRegressionResponse),
  multi_inference: replayMultiInference,
  session_run: unsupported('session_run'),
  predict_streamed: unsupported('predict_streamed'),
};

/** Field 1, empty: a recorded request need not name a model. Parts of a message are merged, so a name stays. */
const EMPTY_MODEL_SPEC = Uint8Array.of(0x0a, 0x00);
const NO_SPEC: ModelSpec = { name: '' };

async function replayPredict({ clock, maxTensorBytes, servable, request }: Replay): Promise<Compare> {
  const message = new Uint8Array(EMPTY_MODEL_SPEC.length + request.byteLength);
  message.set(EMPTY_MODEL_SPEC);
  message.set(request, EMPTY_MODEL_SPEC.length);
  const read = readPredictRequest(message, maxTensorBytes);
  const modelSpec = specOn(servable, read.modelSpec);
  const context = replayContext(clock, 'Predict');
  const outputs = await runCall(new PredictCall(resolverOf(servable), { ...read, modelSpec }, context));
  return (recorded) => differenceOf(outputs, readPredictResponse(recorded, maxTensorBytes));
}

function replayExamples<Result extends Classifications | Regressions>(
  name: string,
  message: string,
  method: ExamplesMethod<Result>,
  readResponse: (recorded: Uint8Array, maxBytes: number) => RecordedResult,
): ReplayRequest {
  return async ({ clock, maxTensorBytes, servable, request }) => {
    const read = readExamplesRequest(request, message, maxTensorBytes, NO_SPEC);
    const modelSpec = specOn(servable, read.modelSpec);
    const context = replayContext(clock, name);
    const call = new ExamplesCall(method, resolverOf(servable), { ...read, modelSpec }, context);
    const { result } = await runCall(call);
    return (recorded) => {
      const difference = resultDifference(result, readResponse(recorded, maxTensorBytes));
      return difference && `the answer ${difference}`;
    };
  };
}

async function replayMultiInference({ clock, maxTensorBytes, servable, request }: Replay): Promise<Compare> {
  const { tasks, examples } = readMultiInferenceRequest(request, maxTensorBytes);
  const named = tasks.map(({ modelSpec = NO_SPEC, methodName }) => ({
    modelSpec: specOn(servable, modelSpec),
    methodName,
  }));
  const context = replayContext(clock, 'MultiInference');
  const results = await runCall(new MultiInferenceCall(resolverOf(servable), { tasks: named, examples }, context));
  return (recorded) => resultsDifference(results, readMultiInferenceResponse(recorded, maxTensorBytes));
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

/** Resolves every name and version to the one servable. */
function resolverOf(servable: Servable): ModelResolver {
  return new ModelResolver({
    isReady: true,
    modelNames: [servable.name],
    onReadinessChange: () => () => undefined,
    acquire: () => servable.borrow(),
    status: () => [{ version: servable.version, state: 'LOADING', error: undefined }],
  });
}

/** Keeps only the signature of a recorded spec. */
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
    caller: 'replay',
    trace: undefined,
  });
}

function invalid(message: string): ServingError {
  return new ServingError('invalid_request', message);
}
