/**
 * Loads a model and chooses its host: the thread that serves requests, its own threads, or its own processes.
 *
 *     host-choice.ts: fixed? ──process──▶ processes
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
import { backendFactsFor, backendFor } from '../registry.ts';
import { type Calibration, calibrate, MAX_CALIBRATED_BYTES } from './calibration.ts';
import {
  AS_CONFIGURED,
  chooseHost,
  DEFAULT_INLINE_LIMITS,
  fixedHost,
  type HostChoice,
  type HostKind,
  hostNeeds,
  type InlineLimits,
  requestedHost,
  showMs,
} from './host-choice.ts';
import type { HostedSession } from './hosted-session.ts';
import { SlowRunDetector, startInlineHost } from './inline-host.ts';
import { MovableHost } from './movable-host.ts';
import { type ProcessHostOptions, startProcessHost } from './process/process-host.ts';
import { startThreadHost } from './thread/thread-host.ts';

export interface HostOptions extends ProcessHostOptions {
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
  /** Called when an inline model has moved to threads, or has failed to move: for the log. */
  readonly onMove?: (move: HostMove) => void;
}

export interface HostMove {
  /** False: the move failed, and the model stays inline. */
  readonly isDone: boolean;
  readonly reason: string;
}

/** `kind` and `reason` are those at load; a move does not change them. */
export interface Host extends HostedSession, HostChoice {
  /** Kind of the backend that opened it. */
  readonly backendKind: string;
  /** Undefined when the host was fixed, or calibration failed. */
  readonly measured: Calibration | undefined;
}

/** Starts the model's host. If the model cannot be loaded, rejects with `load_failed` and leaves nothing running. */
export async function startHost(options: HostOptions): Promise<Host> {
  const { defaultHost = 'auto' } = options;
  const backend = await backendFactsFor(options.versionDirectory, options.backendKind);
  const needs = hostNeeds(backend, options.loadOptions.executionProvider);
  const requested = requestedHost(needs, options.host, defaultHost);
  const fixed = fixedHost(needs, requested, options.sandbox?.isRequired);
  // Where a thread is the first to load a runtime, what that allocates for the whole process stays in the thread's heap.
  if (fixed?.kind !== 'process') await backendFor(options.versionDirectory, options.backendKind);
  if (fixed === undefined) {
    return { ...(await startCalibrated(options, requested === 'inline')), backendKind: backend.kind };
  }
  const start = { process: startProcessHost, thread: startThreadHost, inline: startInlineHost }[fixed.kind];
  return { ...asHost(await start(options), fixed, undefined), backendKind: backend.kind };
}

type PlacedHost = Omit<Host, 'backendKind'>;

async function startCalibrated(options: HostOptions, isInlineRequested: boolean): Promise<PlacedHost> {
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
    const inline = await startWatched(options, isInlineRequested ? Infinity : limits.runMs);
    await threads.close();
    return asHost(inline, choice, measured);
  } catch (error) {
    return stay(`it did not load inline: ${(error as Error).message}`, measured);
  }
}

function asHost(hosted: HostedSession, choice: HostChoice, measured: Calibration | undefined): PlacedHost {
  const { signatures, executor, warnings, residentBytes = () => undefined, sandbox = () => undefined } = hosted;
  const close = (): Promise<void> => hosted.close();
  return { ...choice, signatures, executor, warnings, residentBytes, sandbox, close, measured };
}

/**
 * Starts the model inline; it moves to threads when more than a few runs take over `limitMs`, or a run has more inputs
 * than any that it was calibrated with.
 */
async function startWatched(options: HostOptions, limitMs: number): Promise<MovableHost> {
  const detector = new SlowRunDetector(limitMs);
  let moving: Promise<void> | undefined;
  const move = (reason: string): Promise<void> => {
    moving ??= host.move().then(
      (isDone) => {
        if (isDone) options.onMove?.({ isDone, reason });
      },
      (error: Error) => options.onMove?.({ isDone: false, reason: `${reason}; ${error.message}` }),
    );
    return moving;
  };
  const onSlow = (runMs: number): void =>
    void move(`more than 1 in 20 runs take over ${showMs(limitMs)}, the last ${showMs(runMs)}`);
  const inline = await startInlineHost({ ...options, detector, onSlow });
  const maxBytes = limitMs === Infinity ? Infinity : MAX_CALIBRATED_BYTES;
  const onLarge = (): Promise<void> => move('a run has over a mebibyte of inputs');
  const host = new MovableHost(inline, () => startThreadHost(options), maxBytes, onLarge);
  return host;
}
