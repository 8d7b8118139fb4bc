/**
 * Replays the requests of PredictionLogs on one servable, each by its kind (handlers/replay.ts), and compares the answers
 * with the recorded ones if asked to.
 */
import { readPredictRequest, readPredictResponse } from '../../codec/tensorflow/predict-reader.ts';
import { LOG_TYPES, type LogType, readPredictionLog } from '../../codec/tensorflow/prediction-log.ts';
import type { ServeConfig } from '../../config/serve-config.ts';
import type { Clock } from '../../core/clock.ts';
import { invalidRequest, ServingError } from '../../core/errors.ts';
import type { Servable } from '../../models/serving/servable.ts';
import type { RecordReplayer } from '../../models/warm-up/record-replayer.ts';
import { runCall } from '../call.ts';
import { PredictCall } from '../handlers/predict.ts';
import {
  type Compare,
  type Replay,
  type Replays,
  replayContext,
  replayResolver,
  replaySpec,
} from '../handlers/replay.ts';
import { differenceOf } from './golden-answer.ts';

export interface ReplayerOptions {
  readonly clock: Clock;
  /** Limit of all tensors or examples of one message together, in bytes. */
  readonly maxTensorBytes: number;
  /** Replays other kinds of records than Predict's. Default: none. */
  readonly replays?: Replays;
}

export class PredictionLogReplayer implements RecordReplayer {
  readonly #options: ReplayerOptions;

  constructor(options: ReplayerOptions) {
    this.#options = options;
  }

  async replay(servable: Servable, record: Uint8Array): Promise<void> {
    const { type, request } = readPredictionLog(record);
    if (type !== undefined) await this.#run(type, servable, request);
  }

  async check(servable: Servable, record: Uint8Array): Promise<void> {
    const { type, request, response } = readPredictionLog(record);
    if (type === undefined) return;
    if (response === undefined) {
      throw invalidRequest('it has a request and no answer to compare with; record the file with --golden');
    }
    const compare = await this.#run(type, servable, request);
    const difference = compare(response);
    if (difference !== undefined) throw invalidRequest(difference);
  }

  async #run(type: LogType, servable: Servable, request: Uint8Array): Promise<Compare> {
    const { clock, maxTensorBytes, replays } = this.#options;
    const replay = type === 'predict' ? replayPredict : replays?.get(type);
    if (replay === undefined) throw unsupported(type);
    return replay({ clock, maxTensorBytes, servable, request });
  }
}

/** The replayer of records of every kind that the server's features add, by the server's own limits. */
export function replayerOf(server: {
  readonly clock: Clock;
  readonly config: Pick<ServeConfig, 'options'>;
  readonly models: { readonly replays: Replays };
}): PredictionLogReplayer {
  const { clock, config, models } = server;
  const maxTensorBytes = config.options.max_message_bytes;
  return new PredictionLogReplayer({ clock, maxTensorBytes, replays: models.replays });
}

/** Field 1, empty: a recorded request need not name a model. Parts of a message are merged, so a name stays. */
const EMPTY_MODEL_SPEC = Uint8Array.of(0x0a, 0x00);

async function replayPredict({ clock, maxTensorBytes, servable, request }: Replay): Promise<Compare> {
  const message = new Uint8Array(EMPTY_MODEL_SPEC.length + request.byteLength);
  message.set(EMPTY_MODEL_SPEC);
  message.set(request, EMPTY_MODEL_SPEC.length);
  const read = readPredictRequest(message, maxTensorBytes);
  const modelSpec = replaySpec(servable, read.modelSpec);
  const context = replayContext(clock, 'Predict');
  const outputs = await runCall(new PredictCall(replayResolver(servable), { ...read, modelSpec }, context));
  return (recorded) => differenceOf(outputs, readPredictResponse(recorded, maxTensorBytes));
}

function unsupported(type: LogType): ServingError {
  return new ServingError(
    'unsupported',
    `it is a ${type}_log (field ${LOG_TYPES[type]} of PredictionLog), which cannot be replayed here; ` +
      'leave it out, or record the requests as Predict',
  );
}
