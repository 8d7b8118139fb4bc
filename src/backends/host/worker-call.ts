/**
 * One run as it crosses to a worker thread or process, its answer, and the worker's side of it.
 *
 * Instants cross as *machine time*: milliseconds of process.hrtime, a monotonic clock that all threads and processes of
 * a machine share. performance.now() counts from a different origin in each thread.
 */
import process from 'node:process';
import { systemClock } from '../../core/clock.ts';
import type { TensorMap } from '../../core/tensor.ts';
import type { RunOptions, Session } from '../backend.ts';

export interface Call {
  readonly signatureName: string;
  readonly inputs: TensorMap;
  /** Names of the requested outputs, in order. */
  readonly outputs: readonly string[];
  /** Machine time; may be Infinity. */
  readonly deadline: number;
  /** W3C Trace Context of the batch's span, if it is recorded. */
  readonly traceparent?: string | undefined;
}

export interface Answer {
  readonly outputs: TensorMap;
  /** Machine time just before and after the session's run. */
  readonly runStart: number;
  readonly runEnd: number;
}

/** The current instant in machine time, in ms. */
export function machineTimeMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Runs the call, with its deadline on the session's clock. Rejects with the session's error. */
export async function runCall(session: Session, call: Call): Promise<Answer> {
  if (session.runSync !== undefined) return runCallSync(session, call);
  const runStart = machineTimeMs();
  const outputs = await session.run(call.signatureName, call.inputs, call.outputs, optionsOf(call, runStart));
  return { outputs, runStart, runEnd: machineTimeMs() };
}

/** The synchronous form of `runCall`, for a session that has runSync. */
export function runCallSync(session: Session, call: Call): Answer {
  const runStart = machineTimeMs();
  const outputs = session.runSync!(call.signatureName, call.inputs, call.outputs, optionsOf(call, runStart));
  return { outputs, runStart, runEnd: machineTimeMs() };
}

function optionsOf({ deadline, traceparent }: Call, now: number): RunOptions {
  return { deadline: deadline - now + systemClock.nowMs(), traceparent };
}
