/**
 * Decides where a model runs. Its backend and its configuration come first, then what bounds its work; otherwise it runs
 * inline or on threads, depending on the calibration. Pure.
 *
 * A run on the serving thread delays all other requests by its duration. A hop to a worker costs each batch CPU and
 * latency, more when the other core sleeps (bench/micro/hosts.ts, docs/adr/0007-inline-or-threads.md).
 *
 * The limit depends on the cores. With many, a worker has a core to itself. With one or two, it competes with the
 * application or the client, and a hop has to wait for a core.
 */
import { ServingError } from '../../core/errors.ts';
import { showMs } from '../../ledger/quantities.ts';
import type { Backend, WorkBounds } from '../backend.ts';
import type { Calibration } from './calibration.ts';

export type HostKind = 'inline' | 'thread' | 'process';

/** The most time that an inline model may take, in milliseconds. */
export interface InlineLimits {
  /** Limit of a run of its largest batch at load; while it serves, a run is slow beyond twice this. */
  readonly runMs: number;
  /** Limit of the CPU time of loading, which blocks the serving thread once. */
  readonly loadMs: number;
}

export const DEFAULT_INLINE_LIMITS: InlineLimits = { runMs: 0.3, loadMs: 30 };

const FEW_CORES_INLINE_LIMITS: InlineLimits = { runMs: 1, loadMs: 30 };
const FEW_CORES = 2;

/** The limits for a process with `cores` cores. */
export function inlineLimitsFor(cores: number): InlineLimits {
  return cores <= FEW_CORES ? FEW_CORES_INLINE_LIMITS : DEFAULT_INLINE_LIMITS;
}

export const AS_CONFIGURED = 'as configured';

export interface LoadFacts extends Calibration {
  /** The session has runSync. */
  readonly isSynchronous: boolean;
  /** CPU time. */
  readonly loadMs: number;
}

export interface HostChoice {
  readonly kind: HostKind;
  /** The reason with its numbers: one clause for a log line. */
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

/**
 * The host of a model whose runs may differ in work though their shapes are equal, so that no measurement tells how long
 * they take: threads where the size of a request bounds it, else a process, whose runs can be ended. Undefined where shapes
 * bound it, or nobody can tell.
 */
export function boundedHost(bounds: WorkBounds | undefined): HostChoice | undefined {
  if (bounds === undefined || bounds.kind === 'shapes') return undefined;
  return { kind: bounds.kind === 'values' ? 'process' : 'thread', reason: bounds.reason };
}

/** The harm that one request may do in a host that `boundedHost` would not choose. No `kind`: calibration chooses. */
export function cautionsOf(kind: HostKind | undefined, bounds: WorkBounds | undefined): readonly string[] {
  const wanted = boundedHost(bounds);
  if (kind === undefined || kind === 'process' || wanted === undefined || wanted.kind === kind) return [];
  const [may, advice] =
    wanted.kind === 'process'
      ? ['may compute for ever, or end the server', 'isolate: true']
      : ['may hold up all others', 'host: thread'];
  const where = kind === 'inline' ? 'on the event loop' : 'in a thread';
  return [`one request ${may}, as it runs ${where}: ${wanted.reason}; set ${advice}, or leave host out`];
}

/** The needs of a backend for its host. */
export interface HostNeeds extends Pick<Backend, 'kind'> {
  readonly mustRunIn?: Backend['mustRunIn'] | undefined;
  /** The device that its sessions are for. */
  readonly on?: string;
}

/** The needs of a backend's sessions on an execution provider. */
export function hostNeeds(
  { kind, mustRunIn, devicesMustRunIn }: Pick<Backend, 'kind' | 'mustRunIn' | 'devicesMustRunIn'>,
  executionProvider: string,
): HostNeeds {
  if (executionProvider === 'cpu' || devicesMustRunIn === undefined) return { kind, mustRunIn };
  return { kind, mustRunIn: devicesMustRunIn, on: executionProvider };
}

/** The configured host: the model's own, else the default if the backend can run in any host. */
export function requestedHost(
  { mustRunIn }: Pick<HostNeeds, 'mustRunIn'>,
  host: HostKind | 'auto' | undefined,
  defaultHost: HostKind | 'auto',
): HostKind | 'auto' {
  return host ?? (mustRunIn === undefined ? defaultHost : 'auto');
}

/**
 * The host that is known before anything is loaded; undefined = calibration decides. Throws `load_failed` when the
 * configuration requests a host that the backend cannot run in. `sandboxRequiredBy`: the option by which no
 * model runs in the server's own process; a backend that runs inline only computes nothing there, and may stay.
 */
export function fixedHost(
  { kind, mustRunIn, on }: HostNeeds,
  requested: HostKind | 'auto',
  sandboxRequiredBy?: string,
): HostChoice | undefined {
  if (mustRunIn === undefined && sandboxRequiredBy !== undefined) return inSandbox(requested, sandboxRequiredBy);
  if (mustRunIn === undefined) {
    return requested === 'auto' || requested === 'inline' ? undefined : { kind: requested, reason: AS_CONFIGURED };
  }
  const what = on === undefined ? `backend "${kind}"` : `backend "${kind}" on ${on}`;
  if (requested === 'auto' || requested === mustRunIn) {
    return {
      kind: mustRunIn,
      reason: `${what} runs ${mustRunIn === 'inline' ? 'inline' : 'in a process'} only`,
    };
  }
  const text = `host ${requested} was asked for, but ${what} runs with host ${mustRunIn} only`;
  throw new ServingError('load_failed', `${text}; set host=${mustRunIn} for this model, or leave host out`);
}

function inSandbox(requested: HostKind | 'auto', requiredBy: string): HostChoice {
  if (requested === 'auto' || requested === 'process') return { kind: 'process', reason: requiredBy };
  const text = `host ${requested} was asked for, but --${requiredBy} has models run in sandboxed processes only`;
  throw new ServingError('load_failed', `${text}; set host=process for this model, or leave host out`);
}

function thread(reason: string): HostChoice {
  return { kind: 'thread', reason };
}
