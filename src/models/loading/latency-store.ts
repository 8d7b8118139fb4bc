/**
 * Keeps learned run times in files, so that a restarted server knows them from the start.
 *
 *   DIR/<model>-<hash>.json     the hash covers the artifact's bytes, the CPU and the threads of a run
 *
 * A file is written every minute while its version is served and when the version is unloaded, by renaming, so that a
 * reader never sees half of it. Errors never fail a load or an unload: they are logged, and run times are learned anew.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import type { Clock, TimerHandle } from '../../core/clock.ts';
import type { LatencyModel } from '../../scheduler/latency/latency-model.ts';
import type { Logger } from '../../telemetry/log/log.ts';
import type { HashArtifact } from './artifact-hash.ts';

export interface LatencyStoreOptions {
  /** Created if it does not exist. Empty = nothing is kept. */
  readonly directory: string;
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
const HASH_CHARS = 16;
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
    const { directory, logger, clock, cpuModel, threads } = this.#options;
    if (directory === '') return NOTHING_KEPT;
    const fields = { model, version: version.toString(), directory };
    try {
      const content = await hashArtifact();
      if (content === undefined) return NOTHING_KEPT;
      const key = `${FORMAT}\0${cpuModel}\0${threads}${backend && `\0${backend}`}\0${content}`;
      const hash = createHash('sha256').update(key).digest('hex').slice(0, HASH_CHARS);
      const path = join(directory, `${encodeURIComponent(model)}-${hash}.json`);
      await mkdir(directory, { recursive: true });
      const state = await readState(path, (err) => logger.warn({ ...fields, path, err }, NOT_READABLE));
      const buckets = latency.import(state);
      if (buckets > 0) logger.info({ ...fields, buckets }, 'run times taken over from an earlier start');
      return new LatencyFile(path, latency, clock, (err) => logger.warn({ ...fields, err }, NOT_WRITTEN));
    } catch (err) {
      logger.warn({ ...fields, err }, NOT_READABLE);
      return NOTHING_KEPT;
    }
  }
}

const NOT_READABLE = 'run times of earlier starts cannot be read; they are learned anew';
const NOT_WRITTEN = 'run times cannot be written; the next start will learn them anew';

class LatencyFile implements KeptLatency {
  readonly #path: string;
  readonly #latency: LatencyModel;
  readonly #clock: Clock;
  readonly #onError: (error: unknown) => void;
  #timer: TimerHandle | undefined;
  #written: string;
  #writing: Promise<void> = Promise.resolve();
  #ended: Promise<void> | undefined;

  constructor(path: string, latency: LatencyModel, clock: Clock, onError: (error: unknown) => void) {
    this.#path = path;
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
    this.#writing = this.#writing.then(() => this.#write()).catch(this.#onError);
    return this.#writing;
  }

  async #write(): Promise<void> {
    const text = this.#text();
    if (text === this.#written) return;
    const draft = `${this.#path}.${process.pid}`;
    try {
      await writeFile(draft, text);
      await rename(draft, this.#path);
    } catch (error) {
      await rm(draft, { force: true });
      throw error;
    }
    this.#written = text;
  }

  #text(): string {
    return JSON.stringify({ format: FORMAT, ...this.#latency.export() });
  }
}

/** The file's content; undefined without a file, or if it is no JSON: that is reported and overwritten later. */
async function readState(path: string, onCorrupt: (error: unknown) => void): Promise<unknown> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch (error) {
    onCorrupt(error);
    return undefined;
  }
}
