/**
 * Prepares a loaded version before it is served:
 *
 *     loaded ──▶ warm-up file? ──yes──▶ replay its requests through the real handlers ───┐
 *                       └──no──▶ a sweep of batch sizes on synthetic input (batch-sweep.ts)┤
 *                                                                                        ▼
 *     served ◀── all answers equal ◀── golden file? replay its requests and compare the answers
 *
 * A model that a remote server runs is not swept: there is nothing to warm up here, and the server has other clients.
 *
 * If a file is damaged, a request fails or an answer differs, the version is not served, and the previous version
 * stays. A failure of the sweep proves little, as its input is made up; but if nothing of the version could be run, it
 * has a standing warning (`Servable.warnings`).
 */
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../core/clock.ts';
import { ServingError, toServingError } from '../../core/errors.ts';
import type { Executor } from '../../core/executor.ts';
import type { Signature } from '../../core/signature.ts';
import type { SchedulerOptions } from '../../scheduler/scheduler-options.ts';
import type { Servable } from '../serving/servable.ts';
import { type WarmUpRequest, warmUpRecord } from '../triton/warm-up-requests.ts';
import { type LatencySeed, type Sweep, sweepBatchSizes } from './batch-sweep.ts';
import { sweepWarnings } from './sweep-warnings.ts';
import { forEachRecord, GOLDEN_FILE, hasRecordFile, WARM_UP_FILE } from './warm-up-file.ts';

/** Sends the requests of records (PredictionLog) to a version that nobody else sees yet. */
export interface RecordReplayer {
  /** Rejects with the request's ServingError. Skips a record without a request. */
  replay(servable: Servable, record: Uint8Array): Promise<void>;
  /** The same, and rejects with `invalid_request` if the answer differs from the record's. */
  check(servable: Servable, record: Uint8Array): Promise<void>;
}

interface WarmUpOptions {
  readonly clock: Clock;
  readonly replayer: RecordReplayer;
  /**
   * False: neither warm-up file nor sweep runs. Golden requests are a check, not a warm-up: they are always replayed.
   */
  readonly isEnabled: boolean;
  /** The number of times that each record of a warm-up file is replayed. */
  readonly iterations: number;
  /** The largest record that is read. */
  readonly maxRecordBytes: number;
  /** Other versions are being served: the sweep then leaves cores to them. Default: false. */
  readonly isServing?: () => boolean;
  readonly events: WarmUpEvents;
}

/** Events for the log. */
export interface WarmUpEvents {
  /** A file was replayed, as a whole or up to the record that failed. */
  onReplayed(servable: Servable, replay: FileReplay): void;
  onSwept(servable: Servable, sweep: Sweep, tookMs: number): void;
}

/** The outcome of the replay of one file. */
export interface FileReplay {
  readonly what: 'warm-up' | 'golden';
  readonly versionDirectory: string;
  /** The number of records that were read, including the one that failed. */
  readonly records: number;
  readonly tookMs: number;
  /** Why the version is not served. */
  readonly error: ServingError | undefined;
}

/** A version that is loaded but not served yet. */
export interface LoadedVersion {
  readonly servable: Servable;
  readonly versionDirectory: string;
  readonly executor: Executor;
  /** The executor's signatures; the servable may have declared ones, too. */
  readonly signatures: ReadonlyMap<string, Signature>;
  readonly scheduler: SchedulerOptions;
  /** Requests of a Triton model's model_warmup. */
  readonly requests?: readonly WarmUpRequest[] | undefined;
  /** The times of the one run that took so long that no sweep is made. Absent = there was no such run. */
  readonly onlyRun?: readonly LatencySeed[] | undefined;
}

/**
 * Prepares a version. Rejects with the reason if it must not be served; the caller must unload it then. The kinds of a
 * warm-up file's faults are those of `forEachRecord`, golden requests always give `load_failed`.
 */
export type PrepareVersion = (loaded: LoadedVersion) => Promise<void>;

export function warmUp(options: WarmUpOptions): PrepareVersion {
  return async (loaded) => {
    const sweep = options.isEnabled ? await warm(options, loaded) : undefined;
    const golden = join(loaded.versionDirectory, GOLDEN_FILE);
    if (!(await hasRecordFile(golden))) {
      for (const text of sweepWarnings(sweep, loaded.signatures)) loaded.servable.addWarning(text);
      return;
    }
    await replayFile(options, loaded, 'golden', golden, (data) => options.replayer.check(loaded.servable, data));
  };
}

/** The sweep, if there was one. */
async function warm(options: WarmUpOptions, loaded: LoadedVersion): Promise<Sweep | undefined> {
  await runOwnRequests(options, loaded);
  const file = join(loaded.versionDirectory, WARM_UP_FILE);
  if (await hasRecordFile(file)) {
    await replayFile(options, loaded, 'warm-up', file, async (data) => {
      for (let i = 0; i < options.iterations; i++) await replayOnEverySlot(options.replayer, loaded, data);
    });
    return undefined;
  }
  const { clock, events } = options;
  const { executor, signatures, servable, scheduler, onlyRun } = loaded;
  if (executor.isElsewhere === true) return undefined;
  if (onlyRun !== undefined) {
    servable.latencySeeds = onlyRun;
    return undefined;
  }
  const startedAt = clock.nowMs();
  const isGentle = options.isServing?.() ?? false;
  const sweep = await sweepBatchSizes({ ...scheduler, executor, signatures, clock, isGentle });
  servable.latencySeeds = sweep.seeds;
  servable.maxBatchSize = sweep.maxBatchSize;
  events.onSwept(servable, sweep, clock.nowMs() - startedAt);
  return sweep;
}

/** The requests of a Triton model's model_warmup. */
async function runOwnRequests({ replayer }: WarmUpOptions, loaded: LoadedVersion): Promise<void> {
  const { name, version } = loaded.servable;
  for (const request of loaded.requests ?? []) {
    const record = warmUpRecord(request);
    try {
      for (let i = 0; i < request.count; i++) await replayOnEverySlot(replayer, loaded, record);
    } catch (cause) {
      const { message } = toServingError(cause);
      const text = `model "${name}" version ${version}: its model_warmup "${request.name}" failed: ${message}`;
      throw new ServingError('load_failed', text, { cause });
    }
  }
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
      const { kind, message } = toServingError(thrown);
      const text = `model "${servable.name}" version ${servable.version}: its ${what} requests failed: ${message}`;
      return new ServingError(what === 'golden' ? 'load_failed' : kind, text, { cause: thrown });
    },
  );
  events.onReplayed(servable, { what, versionDirectory, records, tookMs: clock.nowMs() - startedAt, error });
  if (error !== undefined) throw error;
}

/**
 * Replays a record once for each slot, all at the same time. Each replay begins in a turn of its own, when the previous
 * one has left the queue: in one turn they would share a batch, and only one slot would be warm.
 */
async function replayOnEverySlot(
  replayer: RecordReplayer,
  { servable, executor }: LoadedVersion,
  data: Uint8Array,
): Promise<void> {
  // Failures are kept as values: a rejection during the wait for the next turn would be unhandled.
  const failures = [failureOf(replayer.replay(servable, data))];
  while (failures.length < executor.slots) {
    await setImmediate();
    failures.push(failureOf(replayer.replay(servable, data).catch(ignoreFullQueue)));
  }
  for (const failure of await Promise.all(failures)) if (failure !== undefined) throw failure;
}

/** Resolves with the error that `work` rejects with, or with undefined. */
function failureOf(work: Promise<void>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/** A request larger than the queue is accepted only while nothing waits: the refusal of its copies is no failure. */
function ignoreFullQueue(error: unknown): void {
  if (!(error instanceof ServingError) || error.kind !== 'overloaded') throw error;
}
