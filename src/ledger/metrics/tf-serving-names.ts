/** Names, buckets and statuses that TensorFlow Serving's metrics share. */
import { ERROR_TABLE, GrpcStatus } from '../../core/errors.ts';
import type { RequestOutcome } from '../request-record.ts';
import type { MetricSnapshot } from './series.ts';

/** Prefix of its own names. */
export const SERVING = ':tensorflow:serving:';
export const MICROS_PER_MS = 1000;

/** A family that can be printed. */
export interface PrintedFamily {
  readonly name: string;
  get(): Promise<MetricSnapshot>;
}

/** Upper bounds of exponential buckets. */
export function bounds(first: number, factor: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => first * factor ** i);
}

/** Upper bounds for requests, runs and warm-ups, in µs. */
export const LATENCY_BOUNDS: readonly number[] = bounds(10, 1.8, 33);

const STATUS_NAMES: readonly string[] = Object.keys(GrpcStatus);

/** The name of the gRPC status: a closed set. */
export function statusName(outcome: RequestOutcome): string {
  return outcome === 'ok' ? 'OK' : STATUS_NAMES[ERROR_TABLE[outcome].grpc]!;
}
