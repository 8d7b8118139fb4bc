/** What every attack driver has in common: what it gets, and what it counts. */
import { Buffer } from 'node:buffer';
import { frame } from '../../support/raw-grpc.ts';
import { bytesField, shape, varintField } from '../../support/wire-fragments.ts';
import type { Counts } from '../driving.ts';

export interface Target {
  /** "host:port" of the gRPC port. */
  readonly grpc: string;
  /** "http://host:port" of the REST port. */
  readonly rest: string;
  /** A model with the input `x`, float32 [N] or [N, 1]. */
  readonly model: string;
  /** The dims of `x` beside the rows: none, or [1]. */
  readonly rowShape: readonly number[];
}

/** Runs for `seconds`, or until the signal; resolves when its connections are closed. Never rejects. */
export type Attack = (target: Target, seconds: number, signal: AbortSignal) => Promise<Counts>;

export const PREDICT_PATH = '/tensorflow.serving.PredictionService/Predict';

/** A Predict of so many rows in about 40 bytes: one value, which the server repeats. */
export function predictMessage({ model, rowShape }: Pick<Target, 'model' | 'rowShape'>, rows: number): Buffer {
  const value = Buffer.alloc(4);
  value.writeFloatLE(1);
  const tensor = [varintField(1, 1), bytesField(2, shape(rows, ...rowShape)), bytesField(5, value)];
  const input = Buffer.concat([bytesField(1, 'x'), bytesField(2, Buffer.concat(tensor))]);
  return Buffer.concat([bytesField(1, bytesField(1, model)), bytesField(2, input)]);
}

/** The same with its gRPC prefix. */
export function predictFrame(target: Pick<Target, 'model' | 'rowShape'>, rows: number): Buffer {
  return frame(predictMessage(target, rows));
}
