/**
 * Keeps learned run times in files, so that a restarted server knows them from the start.
 *
 *   DIR/<model>-<hash>.json     the hash covers the artifact's bytes, the CPU and the threads of a run
 *
 * A file is written every minute while its version is served and when the version is unloaded (files/state-files.ts).
 * Errors never fail a load or an unload: they are logged, once until it is written again, and run times are learned anew.
 */
import type { Clock, TimerHandle } from '../../core/clock.ts';
import { type StateFiles, stateFileName } from '../../files/state-files.ts';
import type { Logger } from '../../ledger/log/log.ts';
import type { LatencyModel } from '../../scheduler/latency/latency-model.ts';
import type { HashArtifact } from './artifact-hash.ts';

export interface LatencyStoreOptions {
  /** Undefined = nothing is kept. */
  readonly files: StateFiles | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly cpuModel: string;
  /** The number of threads inside one run. */
  readonly threads: number;
}

/** One version's file, which is written until `end`. */
export interface KeptLatency {
  /** Writes the file for the last time. Never rejects; a second call does nothing more. */
  end(): Promise<void>;
}

const SAVE_EVERY_MS = 60_000;
const FORMAT = 1;

const NOTHING_KEPT: KeptLatency = { end: () => Promise.resolve() };

export class LatencyStore {
  readonly #options: LatencyStoreOptions;

  constructor(options: LatencyStoreOptions) {
    this.#options = options;
  }

  /**
   * Imports the run times of an earlier process into `latency` and stores what it learns from now on. A directory may
   * hold several artifacts: each `backend` has its own file. `hashArtifact` is called only if something is kept. Never
   * rejects.
   */
  async keep(
    model: string,
    version: bigint,
    hashArtifact: HashArtifact,
    latency: LatencyModel,
    backend = '',
  ): Promise<KeptLatency> {
    const { files, logger, clock, cpuModel, threads } = this.#options;
    if (files === undefined) return NOTHING_KEPT;
    const fields = { model, version: version.toString() };
    try {
      const content = await hashArtifact();
      if (content === undefined) return NOTHING_KEPT;
      const key = `${FORMAT}\0${cpuModel}\0${threads}${backend && `\0${backend}`}\0${content}`;
      const name = stateFileName(model, key);
      const state = await readState(files, name, (err) => logger.warn({ ...fields, file: name, err }, NOT_READABLE));
      const buckets = latency.import(state);
      if (buckets > 0) logger.info({ ...fields, buckets }, 'run times taken over from an earlier start');
      const write = (text: string): Promise<void> => files.write(name, text);
      return new LatencyFile(write, latency, clock, (err) => logger.warn({ ...fields, err }, NOT_WRITTEN));
    } catch (err) {
      logger.warn({ ...fields, err }, NOT_READABLE);
      return NOTHING_KEPT;
    }
  }
}

const NOT_READABLE = 'run times of earlier starts cannot be read; they are learned anew';
const NOT_WRITTEN = 'run times cannot be written; the next start will learn them anew';

class LatencyFile implements KeptLatency {
  readonly #writeText: (text: string) => Promise<void>;
  readonly #latency: LatencyModel;
  readonly #clock: Clock;
  readonly #onError: (error: unknown) => void;
  #timer: TimerHandle | undefined;
  #written: string;
  #isFailing = false;
  #writing: Promise<void> = Promise.resolve();
  #ended: Promise<void> | undefined;

  constructor(
    writeText: (text: string) => Promise<void>,
    latency: LatencyModel,
    clock: Clock,
    onError: (error: unknown) => void,
  ) {
    this.#writeText = writeText;
    this.#latency = latency;
    this.#clock = clock;
    this.#onError = onError;
    this.#written = this.#text();
    this.#arm();
  }

  end(): Promise<void> {
    this.#timer?.cancel();
    this.#ended ??= this.#save();
    return this.#ended;
  }

  #arm(): void {
    this.#timer = this.#clock.setTimer(this.#clock.nowMs() + SAVE_EVERY_MS, () => {
      this.#save().then(
        () => this.#ended === undefined && this.#arm(),
        () => undefined,
      );
    });
  }

  /** One write at a time, in order. */
  #save(): Promise<void> {
    this.#writing = this.#writing
      .then(() => this.#write())
      .catch((error: unknown) => {
        if (!this.#isFailing) this.#onError(error);
        this.#isFailing = true;
      });
    return this.#writing;
  }

  async #write(): Promise<void> {
    const text = this.#text();
    if (text === this.#written) return;
    await this.#writeText(text);
    this.#written = text;
    this.#isFailing = false;
  }

  #text(): string {
    return JSON.stringify({ format: FORMAT, ...this.#latency.export() });
  }
}

/** The file's content; undefined without one that can be read: that is reported, and the file is overwritten later. */
async function readState(files: StateFiles, name: string, onUnread: (error: unknown) => void): Promise<unknown> {
  try {
    const text = await files.read(name);
    return text === undefined ? undefined : JSON.parse(text);
  } catch (error) {
    onUnread(error);
    return undefined;
  }
}
