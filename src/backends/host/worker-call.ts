/**
 * One run as it crosses to a worker, whatever carries it, and what comes back.
 *
 * Instants cross as *machine time*: milliseconds of process.hrtime, which is one monotonic clock for all threads and
 * processes of a machine, where performance.now() counts from an origin of each thread's own (measured 0.25 ms apart on
 * Node 20).
 */
import process from 'node:process';
import type { TensorMap } from '../../core/tensor.ts';

export interface Call {
  readonly signatureName: string;
  readonly inputs: TensorMap;
  /** Names of the wanted outputs, in order. */
  readonly outputs: readonly string[];
  /** Machine time; may be Infinity. */
  readonly deadline: number;
  /** W3C Trace Context of the batch's span, where it is recorded. */
  readonly traceparent?: string | undefined;
}

export interface Answer {
  readonly outputs: TensorMap;
  /** Machine time just before and after the session's run. */
  readonly runStart: number;
  readonly runEnd: number;
}

/** Now, in machine time. */
export function machineTimeMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
