/**
 * Loads a model and puts it where it runs best: on the thread that serves requests, on threads of its own, or in processes
 * of its own.
 *
 *     host-choice.ts: settled? ──process──▶ processes
 *          │ not yet        └──thread──▶ threads          └──inline, by its backend──▶ inline
 *          ▼
 *     load on threads ──▶ trial runs ──▶ host-choice.ts ──thread──▶ stay there
 *     (what ends its thread                   │ inline
 *      comes no further)                      ▼
 *                                        load inline as well, end the threads ──too many slow runs──▶ threads again
 *
 * So nothing computes on the serving thread that has not run elsewhere before.
 */
import type { ServingError } from '../../core/errors.ts';
import { backendFor } from '../registry.ts';
import {
  AS_CONFIGURED,
  askedHost,
  chooseHost,
  DEFAULT_INLINE_LIMITS,
  type HostChoice,
  type HostKind,
  type InlineLimits,
  settledHost,
  showMs,
} from './host-choice.ts';
import type { HostedSession } from './hosted-session.ts';
import { startInlineHost } from './inline-host.ts';
import { MovableHost } from './movable-host.ts';
import { type ProcessHostOptions, startProcessHost } from './process/process-host.ts';
import { SlowWatch } from './slow-watch.ts';
import { startThreadHost } from './thread/thread-host.ts';
import { type TrialRuns, tryRuns } from './trial-runs.ts';

export interface HostOptions extends ProcessHostOptions {
  /** `auto` (default): as its backend wants, else as measured. `inline`: however long its runs take, unless one ends the thread it is tried in. */
  readonly host?: HostKind | 'auto' | undefined;
  /** The same for models that do not say; gives way to a backend that can run in one host only. */
  readonly defaultHost?: HostKind | 'auto';
  /** Most rows that a batch of a signature with a dynamic batch axis will have. */
  readonly maxBatchSize: number;
  readonly limits?: InlineLimits;
  /** Told when a model that was put inline has moved to threads, or has failed to: for the log. */
  readonly onMove?: (move: HostMove) => void;
}

export interface HostMove {
  /** False: it could not, and stays inline. */
  readonly isDone: boolean;
  readonly reason: string;
}

/** `kind` and `reason` are as they were at load. */
export interface Host extends HostedSession, HostChoice {
  /** Of the backend that opened it. */
  readonly backendKind: string;
  /** Undefined where nothing was tried (its host was settled), or a trial run failed. */
  readonly measured: TrialRuns | undefined;
}

/** Rejects with `load_failed` if the model cannot be loaded; nothing is left running then. */
export async function startHost(options: HostOptions): Promise<Host> {
  const { defaultHost = 'auto' } = options;
  const backend = await backendFor(options.versionDirectory, options.backendKind);
  const host = askedHost(backend, options.host, defaultHost);
  const settled = settledHost(backend, host);
  if (settled === undefined) {
    return { ...(await startMeasured(options, host === 'inline')), backendKind: backend.kind };
  }
  const start = { process: startProcessHost, thread: startThreadHost, inline: startInlineHost }[settled.kind];
  return { ...asHost(await start(options), settled, undefined), backendKind: backend.kind };
}

type PlacedHost = Omit<Host, 'backendKind'>;

async function startMeasured(options: HostOptions, isInlineAsked: boolean): Promise<PlacedHost> {
  const { limits = DEFAULT_INLINE_LIMITS } = options;
  const threads = await startThreadHost(options);
  const stay = (reason: string, measured?: TrialRuns): PlacedHost =>
    asHost(threads, { kind: 'thread', reason }, measured);
  const trial = await tryRuns(threads, options.maxBatchSize, limits.runMs).catch((error: ServingError) => error);
  const measured = trial instanceof Error ? undefined : trial;
  let choice: HostChoice = { kind: 'inline', reason: AS_CONFIGURED };
  if (trial instanceof Error) {
    if (!isInlineAsked || trial.kind === 'worker_lost') return stay(`a trial run failed: ${trial.message}`);
  } else if (!isInlineAsked) {
    choice = chooseHost({ ...threads, ...trial }, limits);
    if (choice.kind === 'thread') return stay(choice.reason, measured);
  }
  try {
    const inline = await startWatched(options, isInlineAsked ? Infinity : limits.runMs);
    await threads.close();
    return asHost(inline, choice, measured);
  } catch (error) {
    return stay(`it did not load inline: ${(error as Error).message}`, measured);
  }
}

function asHost(hosted: HostedSession, choice: HostChoice, measured: TrialRuns | undefined): PlacedHost {
  const { signatures, executor, warnings, residentBytes = () => undefined } = hosted;
  return { ...choice, signatures, executor, warnings, residentBytes, close: () => hosted.close(), measured };
}

/** Inline, and moved to threads when more than a few runs take over `limitMs`. */
async function startWatched(options: HostOptions, limitMs: number): Promise<MovableHost> {
  const watch = new SlowWatch(limitMs);
  let isMoving = false;
  const onRun = (runMs: number): void => {
    if (!watch.isSlowAfter(runMs) || isMoving) return;
    isMoving = true;
    const reason = `more than 1 in 20 runs take over ${showMs(limitMs)}, the last ${showMs(runMs)}`;
    host.move().then(
      (isDone) => isDone && options.onMove?.({ isDone, reason }),
      (error: Error) => options.onMove?.({ isDone: false, reason: `${reason}; ${error.message}` }),
    );
  };
  const inline = await startInlineHost({ ...options, onRun });
  const host = new MovableHost(inline, () => startThreadHost(options));
  return host;
}
