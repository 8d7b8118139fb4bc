/**
 * Sends the request of a PredictionLog through the handler that its kind of request has, and compares the answer with
 * the recorded one where it is asked to. What it does with each kind is one line of REPLAYS, in replays.ts.
 *
 * It is no request of a client: there is no deadline, no record of it in metrics and log, and no copy to any tap. The
 * model's name and version in the request are not looked at, as in TensorFlow Serving.
 */

import { readPredictionLog } from '../../codec/tensorflow/prediction-log.ts';
import { ServingError } from '../../core/errors.ts';
import type { Servable } from '../../models/serving/servable.ts';
import type { RecordReplayer } from '../../models/warm-up/warm-up.ts';
import { REPLAYS, type ReplayerOptions } from './replays.ts';

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

function invalid(message: string): ServingError {
  return new ServingError('invalid_request', message);
}
