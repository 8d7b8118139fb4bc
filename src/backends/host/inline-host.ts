/**
 * A model on the thread that serves requests: for runs that take less time than a hop to a worker.
 *
 * A session with `runSync` has finished when `run` returns, so its answers leave in the same turn of the event loop. A
 * long queue of such runs would keep the event loop from reading sockets: after MAX_TURN_MS of them the next run waits
 * for a turn.
 *
 * It cannot survive a crash of the runtime, and a long run delays all requests. start-host.ts prevents both.
 */
import { setImmediate } from 'node:timers';
import type { Clock } from '../../core/clock.ts';
import { toServingError } from '../../core/errors.ts';
import type { Batch, BatchResult, Executor } from '../../core/executor.ts';
import type { RunOptions, Session } from '../backend.ts';
import { importBackend } from '../import-backend.ts';
import { loadOptionsOf } from '../load-options.ts';
import { loadSession } from '../load-session.ts';
import { RunsInFlight } from '../session-runs.ts';
import { BackendNotes } from './backend-notes.ts';
import { BufferPool } from './buffer-pool.ts';
import { startCoreTimer } from './core-time.ts';
import { expiredBeforeRun, type HostedSession, unloaded } from './hosted-session.ts';
import type { WorkerHostOptions } from './worker-host-options.ts';

export interface InlineHostOptions
  extends Pick<
    WorkerHostOptions,
    'model' | 'versionDirectory' | 'backendModule' | 'loadOptions' | 'clock' | 'onNotes' | 'signal'
  > {
  /** Counts the successful runs. */
  readonly detector?: Pick<SlowRunDetector, 'limitMs' | 'isSlowAfter' | 'isSuspicious'>;
  /** Called after each successful run, with its duration in ms, while the detector says that too many are slow. */
  readonly onSlow?: (runMs: number) => void;
  /** Default: the kernel's count of waits for a core. */
  readonly startTimer?: typeof startCoreTimer;
}

/** Opens the artifact on this thread, which blocks it. Rejects with `load_failed`. */
export async function startInlineHost(options: InlineHostOptions): Promise<HostedSession> {
  const backend = await importBackend(options.backendModule);
  const notes = new BackendNotes((collected) => options.onNotes?.(collected, 0));
  const services = { ...notes.services, ...(options.signal && { signal: options.signal }) };
  const session = await loadSession(backend, options.versionDirectory, loadOptionsOf(options.loadOptions, services));
  notes.flush();
  const host = new InlineHost(options, session, notes);
  const { signatures, warnings = [] } = session;
  const watchSignatures = session.watchSignatures?.bind(session);
  return { signatures, executor: host, close: () => host.close(), warnings, watchSignatures };
}

/** Longest run time in one turn of the event loop. */
const MAX_TURN_MS = 1;

class InlineHost implements Executor {
  /** 1, unless another server computes the runs. */
  readonly slots: number;
  readonly isInline = true;
  readonly isElsewhere: boolean;
  readonly #session: Session;
  readonly #notes: BackendNotes;
  readonly #model: string;
  readonly #clock: Clock;
  readonly #detector: InlineHostOptions['detector'];
  readonly #onSlow: ((runMs: number) => void) | undefined;
  readonly #startTimer: typeof startCoreTimer;
  readonly #pool = new BufferPool();
  readonly #inFlight = new RunsInFlight();
  /** Run time since the last awaited turn of the event loop. */
  #sinceTurnMs = 0;
  #closed: Promise<void> | undefined;

  constructor(options: InlineHostOptions, session: Session, notes: BackendNotes) {
    const { model, clock, detector, onSlow, startTimer = startCoreTimer } = options;
    this.slots = session.concurrency ?? 1;
    this.isElsewhere = session.concurrency !== undefined;
    this.#session = session;
    this.#notes = notes;
    this.#model = model;
    this.#clock = clock;
    this.#detector = detector;
    this.#onSlow = onSlow;
    this.#startTimer = startTimer;
  }

  allocate(byteLength: number): ArrayBuffer {
    return this.#pool.allocate(byteLength);
  }

  release(buffer: ArrayBuffer): void {
    this.#pool.release(buffer);
  }

  async run({ signatureName, inputs, outputs: wanted, deadline, origin }: Batch): Promise<BatchResult> {
    if (this.#closed !== undefined) throw unloaded(this.#model);
    this.#inFlight.begin();
    try {
      if (this.#sinceTurnMs > MAX_TURN_MS) await this.#turn();
      const runStart = this.#clock.nowMs();
      if (runStart > deadline) throw expiredBeforeRun();
      // A run that seems slow may have waited for a core: those after it are timed without such waits.
      const coreMs = this.#detector?.isSuspicious === true ? this.#startTimer(this.#clock) : undefined;
      const session = this.#session;
      const options: RunOptions = { deadline, traceparent: origin?.traceparent };
      if (this.isElsewhere) {
        const outputs = await session.run(signatureName, inputs, wanted, { ...options, origin });
        return { outputs, runStart, runEnd: this.#clock.nowMs() };
      }
      const outputs =
        session.runSync === undefined
          ? await session.run(signatureName, inputs, wanted, options)
          : session.runSync(signatureName, inputs, wanted, options);
      const runEnd = this.#clock.nowMs();
      this.#sinceTurnMs += runEnd - runStart;
      const tookMs = runEnd - runStart;
      const detector = this.#detector;
      if (detector !== undefined) {
        const runMs = coreMs !== undefined && tookMs > detector.limitMs ? coreMs() : tookMs;
        if (detector.isSlowAfter(runMs)) this.#onSlow?.(runMs);
      }
      return { outputs, runStart, runEnd };
    } catch (error) {
      throw toServingError(error);
    } finally {
      this.#pool.releaseInputs(inputs);
      this.#notes.flush();
      this.#inFlight.end();
    }
  }

  close(): Promise<void> {
    this.#closed ??= this.#drainAndClose();
    return this.#closed;
  }

  #turn(): Promise<void> {
    this.#sinceTurnMs = 0;
    return new Promise((resolve) => setImmediate(resolve));
  }

  async #drainAndClose(): Promise<void> {
    await this.#inFlight.idle();
    // A session that fails to close is abandoned.
    await this.#session.close().catch(() => undefined);
    this.#notes.flush();
  }
}

const SLOW_WEIGHT = 19;
const SLOW_RUNS = 8;
const MOST_STALLS = 2;

/**
 * Detects that more than 1 run in 20 takes longer than its limit. The state is one score:
 *
 *     a slow run    +19   ┐ balanced when 1 run of 20 is slow: with fewer the score falls to 0,
 *     another run    -1   ┘ with more it rises; the worth of 8 slow runs is the threshold
 *
 * So a single pause (garbage collection, a busy neighbour) is forgotten. A model that has become slow, or that gets
 * larger values than its calibration had, is detected within some ten runs. A run that stalls the event loop is never
 * forgotten: one could be sent as often as the score falls.
 */
export class SlowRunDetector {
  /** A run that takes longer is slow. */
  readonly limitMs: number;
  readonly #stallMs: number;
  #score = 0;
  #stalls = 0;

  /** `stallMs`: a run that takes so long stalls the event loop. */
  constructor(limitMs: number, stallMs = Infinity) {
    this.limitMs = limitMs;
    this.#stallMs = stallMs;
  }

  /** A run was slow not long ago, or one has stalled: that counts for good, and it may have waited for a core. */
  get isSuspicious(): boolean {
    return this.#score > 0 || this.#stalls > 0;
  }

  /** Counts a run and returns true while too many runs have been slow, or for good after MOST_STALLS that stalled. */
  isSlowAfter(runMs: number): boolean {
    if (runMs >= this.#stallMs) this.#stalls += 1;
    if (runMs > this.limitMs) this.#score += SLOW_WEIGHT;
    else if (this.#score > 0) this.#score--;
    return this.#score >= SLOW_WEIGHT * SLOW_RUNS || this.#stalls >= MOST_STALLS;
  }
}
