/**
 * Sends the request of a PredictionLog through the handler that its kind of request has, and compares the answer with
 * the recorded one where it is asked to. What it does with each kind is one line of REPLAYS.
 *
 * It is no request of a client: there is no deadline, no record of it in metrics and log, and no copy to any tap. The
 * model's name and version in the request are not looked at, as in TensorFlow Serving.
 */
import type { Clock } from '../../core/clock.ts';
import { ServingError } from '../../core/errors.ts';
import { LOG_TYPES, type LogType, readPredictionLog } from '../../core/prediction-log.ts';
import type { Servable } from '../../models/servable.ts';
import type { RecordReplayer } from '../../models/warm-up.ts';
import { readPredictRequest } from '../grpc/predict-request-reader.ts';
import { readPredictResponse } from '../grpc/predict-response-reader.ts';
import { PredictHandler } from '../handlers/predict.ts';
import { RequestContext } from '../request-context.ts';
import { differenceOf } from './golden-answer.ts';
import { SingleServable } from './single-servable.ts';

export interface ReplayerOptions {
  readonly clock: Clock;
  /** What the tensors of one message may take together. */
  readonly maxTensorBytes: number;
}

/** One request to replay. */
interface Replay extends ReplayerOptions {
  readonly servable: Servable;
  /** The request's message. */
  readonly request: Uint8Array;
}

/** Tells what of an answer differs from this recorded message; undefined = nothing. */
type Compare = (recorded: Uint8Array) => string | undefined;

/** Runs the request; resolves with what compares its answer. Rejects with ServingError. */
type ReplayRequest = (replay: Replay) => Promise<Compare>;

const REPLAYS: Readonly<Record<LogType, ReplayRequest>> = {
  predict: replayPredict,
  classify: unsupported('classify'),
  regress: unsupported('regress'),
  multi_inference: unsupported('multi_inference'),
  session_run: unsupported('session_run'),
  predict_streamed: unsupported('predict_streamed'),
};

/** Field 1, empty: a record need not name a model. Parts of a message are merged, so this changes nothing else. */
const EMPTY_MODEL_SPEC = Uint8Array.of(0x0a, 0x00);

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

async function replayPredict({ clock, maxTensorBytes, servable, request }: Replay): Promise<Compare> {
  const message = new Uint8Array(EMPTY_MODEL_SPEC.length + request.byteLength);
  message.set(EMPTY_MODEL_SPEC);
  message.set(request, EMPTY_MODEL_SPEC.length);
  const { modelSpec, inputs, outputFilter } = readPredictRequest(message, maxTensorBytes);
  const handler = new PredictHandler(new SingleServable(servable));
  const context = replayContext(clock, 'Predict');
  const target = handler.resolve({ name: servable.name, signatureName: modelSpec.signatureName }, context);
  const outputs = await handler.predict(target, inputs, outputFilter, context);
  return (recorded) => differenceOf(outputs, readPredictResponse(recorded, maxTensorBytes));
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

function invalid(message: string): ServingError {
  return new ServingError('invalid_request', message);
}
