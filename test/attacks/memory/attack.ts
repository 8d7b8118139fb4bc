/** What the attacks on memory have in common: what they get, and what they count. */
import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { grpcClient, Neighbour, type NeighbourResult, restClient } from '../../support/neighbour.ts';
import { frame } from '../../support/raw-grpc.ts';
import { bytesField, shape, varintField } from '../../support/wire-fragments.ts';
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

const ROW = JSON.stringify({ instances: [new Array<number>(64).fill(1)] });
const MESSAGE = frame(
  (() => {
    const tensor = [varintField(1, 1), bytesField(2, shape(1, 64)), bytesField(5, new Uint8Array(4))];
    const parts = [bytesField(1, 'pixels'), bytesField(2, Buffer.concat(tensor))];
    return Buffer.concat([bytesField(1, bytesField(1, 'digits')), bytesField(2, Buffer.concat(parts))]);
  })(),
);

/** A good neighbour asks over REST and gRPC in turn until the signal. */
export async function withNeighbour(
  { rest, grpc }: Target,
  perSecond: number,
  signal: AbortSignal,
): Promise<NeighbourResult> {
  const neighbour = new Neighbour([restClient(rest + REST_PREDICT, ROW), grpcClient(grpc, MESSAGE)], { perSecond });
  await once(signal, 'abort');
  return neighbour.stop();
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
