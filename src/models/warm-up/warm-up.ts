/**
 * What happens to a version between its loading and its being served:
 *
 *     loaded ──▶ warm-up file there? ──yes──▶ its requests are replayed, through the real handlers ──┐
 *                       └──no──▶ a sweep of batch sizes on made-up input (batch-sweep.ts) ───────────┤
 *                                                                                                    ▼
 *     served ◀── every answer is the recorded one ◀── golden file there? its requests are replayed and compared
 *
 * A model that another server runs is not swept: there is nothing to warm here, and the other server has callers of its own.
 *
 * A file that is not whole, a request that fails, an answer that differs: the version is not served, and whatever was
 * served before it stays. Made-up input proves nothing, so what fails of the sweep is only told.
 */

import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../core/clock.ts';
import { ServingError, toServingError } from '../../core/errors.ts';
import type { Executor } from '../../core/executor.ts';
import type { Signature } from '../../core/signature.ts';
import type { SchedulerOptions } from '../../scheduler/scheduler-options.ts';
import type { Servable } from '../serving/servable.ts';
import { type Sweep, sweepBatchSizes } from './batch-sweep.ts';
import { forEachRecord, GOLDEN_FILE, hasRecordFile, WARM_UP_FILE } from './warm-up-file.ts';

/** Sends the requests of records (PredictionLog) to a version that nobody else sees yet. */
export interface RecordReplayer {
  /** Rejects with the request's ServingError. A record of no request is passed over. */
  replay(servable: Servable, record: Uint8Array): Promise<void>;
  /** The same, and rejects with `invalid_request` where the answer is not the record's. */
  check(servable: Servable, record: Uint8Array): Promise<void>;
}

export interface WarmUpOptions {
  readonly clock: Clock;
  readonly replayer: RecordReplayer;
  /** False: neither file nor sweep. Golden requests are a check and no warm-up: they are replayed all the same. */
  readonly isEnabled: boolean;
  /** How often each record of a warm-up file is replayed. */
  readonly iterations: number;
  /** A record may have. */
  readonly maxRecordBytes: number;
  /** Whether others are being served: a sweep then leaves them room. Default: nobody is. */
  readonly isServing?: () => boolean;
  readonly events: WarmUpEvents;
}

/** For the log. */
export interface WarmUpEvents {
  /** All of it, or up to the record that failed. */
  onReplayed(servable: Servable, replay: FileReplay): void;
  onSwept(servable: Servable, sweep: Sweep, tookMs: number): void;
}

/** What became of a file of records. */
export interface FileReplay {
  readonly what: 'warm-up' | 'golden';
  readonly versionDirectory: string;
  /** Read, the one that failed included. */
  readonly records: number;
  readonly tookMs: number;
  /** Why the version is not served. */
  readonly error: ServingError | undefined;
}

/** A version that is loaded and not served yet. */
export interface LoadedVersion {
  readonly servable: Servable;
  readonly versionDirectory: string;
  readonly executor: Executor;
  /** Those that the executor has: a servable may show more, made of them. */
  readonly signatures: ReadonlyMap<string, Signature>;
  readonly scheduler: SchedulerOptions;
}

/** Makes the version ready. Rejects with `load_failed` if it must not be served; the caller unloads it then. */
export type PrepareVersion = (loaded: LoadedVersion) => Promise<void>;

export function warmUp(options: WarmUpOptions): PrepareVersion {
  return async (loaded) => {
    if (options.isEnabled) await warm(options, loaded);
    const golden = join(loaded.versionDirectory, GOLDEN_FILE);
    if (!(await hasRecordFile(golden))) return;
    await replayFile(options, loaded, 'golden', golden, (data) => options.replayer.check(loaded.servable, data));
  };
}

async function warm(options: WarmUpOptions, loaded: LoadedVersion): Promise<void> {
  const file = join(loaded.versionDirectory, WARM_UP_FILE);
  if (await hasRecordFile(file)) {
    const replays = { replayer: options.replayer, servable: loaded.servable, slots: loaded.executor.slots };
    await replayFile(options, loaded, 'warm-up', file, async (data) => {
      for (let i = 0; i < options.iterations; i++) await replayOnEverySlot(replays, data);
    });
    return;
  }
  const { clock, events } = options;
  const { executor, signatures, servable, scheduler } = loaded;
  if (executor.isElsewhere === true) return;
  const startedAt = clock.nowMs();
  const isGentle = options.isServing?.() ?? false;
  const sweep = await sweepBatchSizes({ ...scheduler, executor, signatures, clock, isGentle });
  servable.latencySeeds = sweep.seeds;
  events.onSwept(servable, sweep, clock.nowMs() - startedAt);
}

async function replayFile(
  { clock, events, maxRecordBytes }: WarmUpOptions,
  { servable, versionDirectory }: LoadedVersion,
  what: FileReplay['what'],
  path: string,
  use: (data: Uint8Array) => Promise<void>,
): Promise<void> {
  const startedAt = clock.nowMs();
  let records = 0;
  const error = await forEachRecord(path, maxRecordBytes, ({ data }) => {
    records += 1;
    return use(data);
  }).then(
    () => undefined,
    (thrown: unknown) => {
      const text = `model "${servable.name}" version ${servable.version}: its ${what} requests failed: ${toServingError(thrown).message}`;
      return new ServingError('load_failed', text, { cause: thrown });
    },
  );
  events.onReplayed(servable, { what, versionDirectory, records, tookMs: clock.nowMs() - startedAt, error });
  if (error !== undefined) throw error;
}

interface Replays {
  readonly replayer: RecordReplayer;
  readonly servable: Servable;
  readonly slots: number;
}

/**
 * As many times at once as there are slots, each begun when the one before it has left the queue for a slot: sent in one
 * turn they would share a batch, and only one slot would be warm.
 */
async function replayOnEverySlot({ replayer, servable, slots }: Replays, data: Uint8Array): Promise<void> {
  // Failures are kept as values: one that comes while the next replay is waited for would have nobody to hear it.
  const failures = [failureOf(replayer.replay(servable, data))];
  while (failures.length < slots) {
    await setImmediate();
    failures.push(failureOf(replayer.replay(servable, data).catch(passOverFullQueue)));
  }
  for (const failure of await Promise.all(failures)) if (failure !== undefined) throw failure;
}

/** Resolves with what it rejects with; undefined if it does not. */
function failureOf(work: Promise<void>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** A request larger than the queue is taken while nothing waits: that its copies are not says nothing of the model. */
function passOverFullQueue(error: unknown): void {
  if (!(error instanceof ServingError) || error.kind !== 'overloaded') throw error;
}
