/** What the attacks on memory have in common: what they get, and what they count. */
import { setMaxListeners } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';

/** A sidecar with the model `digits` (examples/digits). */
export interface Target {
  /** "host:port" */
  readonly grpc: string;
  /** "http://host:port" */
  readonly rest: string;
}

/** Requests begun, and what became of them, by HTTP or gRPC status. */
export type Counts = Record<string, number>;

/** Runs for `seconds`, or until the signal; resolves when its connections are closed. Never rejects. */
export type Attack = (target: Target, seconds: number, signal: AbortSignal) => Promise<Counts>;

export const PREDICT = '/tensorflow.serving.PredictionService/Predict';
export const REST_PREDICT = '/v1/models/digits:predict';
/** Just under the server's limit. */
export const LARGE_BYTES = 63 * 2 ** 20;

export function count(counts: Counts, what: string): void {
  counts[what] = (counts[what] ?? 0) + 1;
}

/** Aborts after `seconds`, or with `signal`. */
export function until(seconds: number, signal: AbortSignal): AbortSignal {
  const end = AbortSignal.any([signal, AbortSignal.timeout(seconds * 1000)]);
  setMaxListeners(0, end, signal);
  return end;
}

/** Resolves after `ms`, or at once when the signal aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await wait(ms, undefined, { signal }).catch(() => undefined);
}

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
