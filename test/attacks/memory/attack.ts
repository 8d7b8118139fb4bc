/** What the attacks on memory have in common: what they get, and what they count. */
import { type Counts, pause } from '../driving.ts';

/** A sidecar with the model `digits` (examples/digits). */
export interface Target {
  /** "host:port" */
  readonly grpc: string;
  /** "http://host:port" */
  readonly rest: string;
}

/** Runs for `seconds`, or until the signal; resolves when its connections are closed. Never rejects. */
export type Attack = (target: Target, seconds: number, signal: AbortSignal) => Promise<Counts>;

export const PREDICT = '/tensorflow.serving.PredictionService/Predict';
export const REST_PREDICT = '/v1/models/digits:predict';
/** Just under the server's limit. */
export const LARGE_BYTES = 63 * 2 ** 20;

/** Does `one` again and again, `width` at a time, until the end. */
export async function together(width: number, end: AbortSignal, one: () => Promise<void>): Promise<void> {
  const lane = async (): Promise<void> => {
    while (!end.aborted) {
      await one();
      await pause(1, end);
    }
  };
  await Promise.all(Array.from({ length: width }, lane));
}
