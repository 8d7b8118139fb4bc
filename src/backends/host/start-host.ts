/**
 * Loads a model and chooses its host: the thread that serves requests, its own threads, or its own processes.
 *
 *     host-choice.ts: fixed, or by the graph? ──process──▶ processes
 *          │ no            └──thread──▶ threads          └──inline, by its backend──▶ inline
 *          ▼
 *     load on threads ──▶ calibration ──▶ host-choice.ts ──thread──▶ stay there
 *     (a model that ends its                  │ inline
 *      thread stops here)                     ▼
 *                                        load inline as well, end the threads ──too many slow runs──▶ threads again
 *
 * So every model that the serving thread computes has run elsewhere before.
 */
import type { ServingError } from '../../core/errors.ts';
import { showMs } from '../../ledger/quantities.ts';
import type { WorkBounds } from '../backend.ts';
import type { FoundBackend } from '../backends.ts';
import { importBackend } from '../import-backend.ts';
import { type Calibration, calibrate } from './calibration.ts';
import {
  AS_CONFIGURED,
  boundedHost,
  cautionsOf,
  chooseHost,
  DEFAULT_INLINE_LIMITS,
  fixedHost,
  type HostChoice,
  type HostKind,
  hostNeeds,
  type InlineLimits,
  requestedHost,
} from './host-choice.ts';
import type { HostedSession } from './hosted-session.ts';
import { SlowRunDetector, startInlineHost } from './inline-host.ts';
import { MeasuredShapes } from './measured-shapes.ts';
import { MovableHost } from './movable-host.ts';
import { type ProcessHostOptions, startProcessHost } from './process/process-host.ts';
import { tryInProcess } from './process/trial-run.ts';
import { startThreadHost } from './thread/thread-host.ts';

export interface HostOptions extends Omit<ProcessHostOptions, 'backendModule'> {
  readonly backend: FoundBackend;
  /**
   * `auto` (default): the backend or the calibration decides. `inline`: however long its runs take, unless calibration
   * ends its thread.
   */
  readonly host?: HostKind | 'auto' | undefined;
  /** The host of models without `host`, unless the backend can run in one host only. */
  readonly defaultHost?: HostKind | 'auto';
  /** Largest number of rows in a batch of a signature with a dynamic batch axis. */
  readonly maxBatchSize: number;
  readonly limits?: InlineLimits;
  /**
   * Asked where a model of native code will run in this process: why it is to be tried in a process of its own first
   * (process/trial-run.ts); undefined = it need not be. Absent = none need.
   */
  readonly reasonToTry?: (kind: string, bounds: WorkBounds | undefined) => Promise<string | undefined>;
  /** Called when an inline model has moved to threads, or has failed to move: for the log. */
  readonly onMove?: (move: HostMove) => void;
}

/** An inline run is slow beyond so many times the limit: others on the machine make runs longer, and a move is for good. */
const SLOW_FACTOR = 2;
/** A run that takes that many times as long as the longest measured one, and at least so long, stalls the event loop. */
const STALL_FACTOR = 100;
const LEAST_STALL_MS = 100;

export interface HostMove {
  /** False: the move failed, and the model stays inline. */
  readonly isDone: boolean;
  readonly reason: string;
}

/** `kind` and `reason` are those at load; a move does not change them. */
export interface Host extends HostedSession, HostChoice {
  /** The harm that one request may do in this host, which its owner has chosen: for the log and standing warnings. */
  readonly cautions?: readonly string[];
  /** Undefined when the host was fixed, or calibration failed. */
  readonly measured: Calibration | undefined;
}

type PlacedOptions = Omit<HostOptions, 'backend'> & ProcessHostOptions;

/** Starts the model's host. If the model cannot be loaded, rejects with `load_failed` and leaves nothing running. */
export async function startHost({ backend, ...given }: HostOptions): Promise<Host> {
  const { module, facts } = backend;
  const options: PlacedOptions = { ...given, backendModule: module };
  const { defaultHost = 'auto' } = options;
  const needs = hostNeeds(facts, options.loadOptions.executionProvider);
  const requested = requestedHost(needs, options.host, defaultHost);
  const configured = fixedHost(needs, requested, options.sandbox?.requiredBy);
  const bounds = needs.mustRunIn === undefined ? await backend.workBounds?.(options.versionDirectory) : undefined;
  // No owner has asked for the thread of a shadow.
  const isThreadOfNobody = configured?.kind === 'thread' && options.priority?.isBackground === true;
  const isFree = (configured === undefined && requested === 'auto') || isThreadOfNobody;
  const fixed = (isFree ? boundedHost(bounds) : undefined) ?? configured;
  const isOutside = fixed?.kind === 'process' || needs.mustRunIn !== undefined || facts.isNative === false;
  const untried = isOutside ? undefined : await tryFirst(options, facts.kind, bounds);
  const cautions = [
    ...cautionsOf(fixed?.kind ?? (requested === 'inline' ? 'inline' : undefined), bounds),
    ...(untried ?? []),
  ];
  const start = { ...options, endsAbandonedRuns: bounds?.kind === 'values' };
  // If a thread loads a runtime first, memory that this allocates for the whole process stays in the thread's heap.
  if (fixed?.kind !== 'process') await importBackend(module);
  if (fixed === undefined) return { ...(await startCalibrated(options, requested === 'inline')), cautions };
  const startIn = { process: startProcessHost, thread: startThreadHost, inline: startInlineHost }[fixed.kind];
  return { ...asHost(await startIn(start), fixed, undefined), cautions };
}

/** Rejects with `load_failed` for a model that crashes. Resolves with what is to be said where it could not be tried. */
async function tryFirst(
  options: PlacedOptions,
  kind: string,
  bounds: WorkBounds | undefined,
): Promise<readonly string[] | undefined> {
  if ((await options.reasonToTry?.(kind, bounds)) === undefined) return undefined;
  const untried = await tryInProcess(options);
  return untried === undefined ? undefined : [untried];
}

type PlacedHost = Omit<Host, 'cautions'>;

async function startCalibrated(options: PlacedOptions, isInlineRequested: boolean): Promise<PlacedHost> {
  const { limits = DEFAULT_INLINE_LIMITS } = options;
  const threads = await startThreadHost(options);
  const stay = (reason: string, measured?: Calibration): PlacedHost =>
    asHost(threads, { kind: 'thread', reason }, measured);
  const result = await calibrate(threads, options.maxBatchSize, limits.runMs).catch((error: ServingError) => error);
  const measured = result instanceof Error ? undefined : result;
  let choice: HostChoice = { kind: 'inline', reason: AS_CONFIGURED };
  if (result instanceof Error) {
    if (!isInlineRequested || result.kind === 'worker_lost') return stay(`calibration failed: ${result.message}`);
  } else if (!isInlineRequested) {
    choice = chooseHost({ ...threads, ...result }, limits);
    if (choice.kind === 'thread') return stay(choice.reason, measured);
  }
  try {
    const inline = await startWatched(options, measured, isInlineRequested ? undefined : limits);
    await threads.close();
    return asHost(inline, choice, measured);
  } catch (error) {
    return stay(`it did not load inline: ${(error as Error).message}`, measured);
  }
}

function asHost(hosted: HostedSession, choice: HostChoice, measured: Calibration | undefined): PlacedHost {
  const { signatures, executor, warnings, watchSignatures } = hosted;
  const { residentBytes = () => undefined, sandbox = () => undefined } = hosted;
  const close = (): Promise<void> => hosted.close();
  return { ...choice, signatures, executor, warnings, watchSignatures, residentBytes, sandbox, close, measured };
}

/**
 * Starts the model inline. Batches of shapes that it was not measured with run on threads beside it. It moves there for good
 * when more than a few runs are slow, or two stall the event loop. Without `limits` it runs whatever comes.
 */
async function startWatched(
  options: PlacedOptions,
  measured: Calibration | undefined,
  limits: InlineLimits | undefined,
): Promise<MovableHost> {
  const { runMs: limitMs = Infinity } = limits ?? {};
  const slowMs = SLOW_FACTOR * limitMs;
  const stallMs = Math.max(LEAST_STALL_MS, STALL_FACTOR * (measured?.largestMs ?? measured?.oneRowMs ?? 0));
  const detector = new SlowRunDetector(slowMs, stallMs);
  let isMoving = false;
  const onSlow = (runMs: number): void => {
    if (isMoving) return;
    isMoving = true;
    const reason =
      runMs >= stallMs
        ? `two runs took over ${showMs(stallMs)}, the last ${showMs(runMs)}`
        : `more than 1 in 20 runs take over ${showMs(slowMs)}, the last ${showMs(runMs)}`;
    void host.move().then(
      (isDone) => {
        if (isDone) options.onMove?.({ isDone, reason });
      },
      (error: Error) => options.onMove?.({ isDone: false, reason: `${reason}; ${error.message}` }),
    );
  };
  const inline = await startInlineHost({ ...options, detector, onSlow });
  const shapes = limits && new MeasuredShapes(inline.signatures, options.maxBatchSize);
  const host = new MovableHost(
    inline,
    () => startThreadHost(options),
    shapes && { shapes, limitMs, clock: options.clock },
  );
  return host;
}
