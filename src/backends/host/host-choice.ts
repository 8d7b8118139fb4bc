/**
 * Where a model runs: what its backend and its configuration say, and where neither does, inline or on threads: the decision, from what loading and trying the model on a thread has shown. Pure.
 *
 * A run on the serving thread delays everybody else's request by as long as it takes; a hop to a worker costs each batch
 * some 15 µs of CPU and as much latency, and 60 where the other core sleeps (bench/micro/hosts.ts; inline 0.4 µs).
 *
 * How long is too long depends on the cores. With many of them a worker has one to itself. With one or two it takes the
 * core of the application, or of whoever sends the requests, and a hop waits for it. Measured with the whole server on
 * two cores, a 128-512-512-10 network whose batch of 64 takes 0.45 ms, requests a second of inline over threads: 1.87 at
 * 1 connection, 1.11 at 8, 0.99 at 32, 1.05 at 64 over REST; 1.55, 1.29, 1.55, 1.00 over gRPC; CPU of a request 0.57 to
 * 0.94.
 */
import { ServingError } from '../../core/errors.ts';
import type { Backend } from '../backend.ts';
import type { TrialRuns } from './trial-runs.ts';

export type HostKind = 'inline' | 'thread' | 'process';

/** What a model may take to be hosted inline, in milliseconds. */
export interface InlineLimits {
  /** Of its largest batch, at load and ever after. */
  readonly runMs: number;
  /** Loading blocks the serving thread, once. Small models take 2–6 ms; large weights behind a cheap run take more. */
  readonly loadMs: number;
}

export const DEFAULT_INLINE_LIMITS: InlineLimits = { runMs: 0.3, loadMs: 30 };

/** A millisecond is well below what a client of few cores notices. */
const FEW_CORES_INLINE_LIMITS: InlineLimits = { runMs: 1, loadMs: 30 };
const FEW_CORES = 2;

/** `cores` of the process's budget. */
export function inlineLimitsFor(cores: number): InlineLimits {
  return cores <= FEW_CORES ? FEW_CORES_INLINE_LIMITS : DEFAULT_INLINE_LIMITS;
}

export const AS_CONFIGURED = 'as configured';

export interface LoadFacts extends TrialRuns {
  /** The session has runSync. */
  readonly isSynchronous: boolean;
  readonly loadMs: number;
}

export interface HostChoice {
  readonly kind: HostKind;
  /** Why, with the numbers: one clause for a log line. */
  readonly reason: string;
}

export function chooseHost(
  { isSynchronous, loadMs, oneRowMs, largestMs }: LoadFacts,
  limits: InlineLimits,
): HostChoice {
  const runLimit = showMs(limits.runMs);
  if (!isSynchronous) return thread('its runtime answers in a later turn of the event loop');
  if (loadMs > limits.loadMs) return thread(`it took ${showMs(loadMs)} to load, over ${showMs(limits.loadMs)}`);
  if (oneRowMs > limits.runMs) return thread(`a run of one row took ${showMs(oneRowMs)}, over ${runLimit}`);
  if (largestMs === undefined) return thread('its largest batch has over a mebibyte of inputs');
  if (largestMs > limits.runMs) return thread(`its largest batch took ${showMs(largestMs)}, over ${runLimit}`);
  return { kind: 'inline', reason: `its largest batch took ${showMs(largestMs)}, within ${runLimit}` };
}

/** What the configuration asks for: of the model, else for all that do not say and whose backend can run anywhere. */
export function askedHost(
  { mustRunIn }: Pick<Backend, 'mustRunIn'>,
  host: HostKind | 'auto' | undefined,
  defaultHost: HostKind | 'auto',
): HostKind | 'auto' {
  return host ?? (mustRunIn === undefined ? defaultHost : 'auto');
}

/**
 * What is settled before anything is loaded; undefined = it is to be measured. Throws `load_failed` where the
 * configuration asks for a host that the backend cannot run in.
 */
export function settledHost(
  { kind, mustRunIn }: Pick<Backend, 'kind' | 'mustRunIn'>,
  asked: HostKind | 'auto',
): HostChoice | undefined {
  if (mustRunIn === undefined) {
    return asked === 'auto' || asked === 'inline' ? undefined : { kind: asked, reason: AS_CONFIGURED };
  }
  if (asked === 'auto' || asked === mustRunIn) {
    return {
      kind: mustRunIn,
      reason: `backend "${kind}" runs ${mustRunIn === 'inline' ? 'inline' : 'in a process'} only`,
    };
  }
  const text = `host ${asked} was asked for, but backend "${kind}" runs with host ${mustRunIn} only`;
  throw new ServingError('load_failed', `${text}; set host=${mustRunIn} for this model, or leave host out`);
}

export function showMs(ms: number): string {
  return `${Number(ms.toPrecision(2))} ms`;
}

function thread(reason: string): HostChoice {
  return { kind: 'thread', reason };
}
