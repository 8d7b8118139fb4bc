/**
 * Polls the file that lists the models and reloads the models when it has changed; or reads it once, when asked.
 *
 *   poll ──▶ unchanged ────────────────────────────────────────▶ wait for the next poll
 *        └─▶ changed ──▶ poll again, a second later ──▶ the same ──▶ read ──▶ reload, or reject and log the reason
 *                              └─▶ changed again: poll again
 *
 * A change counts once two polls in a row find the same content, so a file that is being written is not read too early.
 * A file that cannot be read, that has errors or that the reloader rejects is logged once for each content, and the
 * models that were served before stay. There is one reload at a time; the next poll waits for it.
 *
 * `reread`, which an operator asks for, reads the file at once, even if it has not changed: the models may differ from
 * the file (HandleReloadConfigRequest), or a list that was rejected may now be accepted.
 */
import type { Buffer } from 'node:buffer';
import { contentHash, type FileResult, loadConfigFile } from '../../config/config-file.ts';
import type { ModelFile } from '../../config/model-file.ts';
import type { Clock, TimerHandle } from '../../core/clock.ts';
import type { ModelReloader } from '../serving/servable-directory.ts';

/** Events for the log. */
export interface ModelFileEvents {
  onReloaded(models: readonly string[]): void;
  /** The file cannot be read, or has these errors. */
  onInvalid(errors: readonly string[]): void;
  /** The file is valid, but the reloader rejected it or could not load a new model. */
  onRefused(error: unknown): void;
  /** Something in the file has no effect. */
  onWarning(text: string): void;
}

export interface ModelFileWatchOptions {
  readonly file: ModelFile;
  /** 0 = the file is read only when asked. */
  readonly pollMs: number;
  readonly clock: Clock;
  readonly reloader: ModelReloader;
  readonly events: ModelFileEvents;
  /** Reads the file; by default from the disk. Never rejects. */
  readonly load?: (path: string) => Promise<FileResult>;
}

/** The time between the two polls that must find the same new content, or `pollMs` if that is shorter. */
const SETTLE_MS = 1000;

export class ModelFileWatch {
  readonly #options: ModelFileWatchOptions;
  readonly #load: (path: string) => Promise<FileResult>;
  /** The hash of the content that was last applied or rejected. */
  #settledHash: string;
  /** The hash of a new content that one poll has found. */
  #candidateHash: string | undefined;
  /** Why the last poll could not read the file; logged once. */
  #readError: string | undefined;
  #timer: TimerHandle | undefined;
  #isStopped = false;
  /** Resolves when the poll in progress has ended. */
  #polling: Promise<void> = Promise.resolve();

  constructor(options: ModelFileWatchOptions) {
    this.#options = options;
    this.#load = options.load ?? loadConfigFile;
    this.#settledHash = options.file.startHash;
  }

  start(): void {
    if (this.#options.pollMs > 0) this.#wait(this.#options.pollMs);
  }

  /** No poll begins after this; a reload in progress goes on. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  /** Reads and applies the file, after the poll in progress. Never rejects. */
  reread(): Promise<void> {
    return this.#inTurn(() => this.#readNow());
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#polling = this.#polling.then(work);
    return this.#polling;
  }

  async #readNow(): Promise<void> {
    if (this.#isStopped) return;
    const { file, events } = this.#options;
    try {
      const { bytes, error } = await this.#load(file.path);
      this.#readError = error;
      this.#candidateHash = undefined;
      if (bytes === undefined) events.onInvalid([error]);
      else await this.#settle(bytes, contentHash(bytes));
    } catch (error) {
      events.onRefused(error);
    }
  }

  /** Polls once and schedules the next poll. Never rejects. */
  async #poll(): Promise<void> {
    const { file, pollMs, events } = this.#options;
    let waitMs = pollMs;
    try {
      const { bytes, error } = await this.#load(file.path);
      if (bytes === undefined) {
        if (error !== this.#readError) events.onInvalid([error]);
        this.#candidateHash = undefined;
      } else if (await this.#isSettled(bytes)) this.#candidateHash = undefined;
      else waitMs = Math.min(pollMs, SETTLE_MS);
      this.#readError = error;
    } catch (error) {
      // A bug of ours; the next poll comes all the same.
      events.onRefused(error);
    }
    if (!this.#isStopped) this.#wait(waitMs);
  }

  /** False if the content is new and must be the same on another poll. */
  async #isSettled(bytes: Buffer): Promise<boolean> {
    const hash = contentHash(bytes);
    if (hash === this.#settledHash) return true;
    if (hash !== this.#candidateHash) {
      this.#candidateHash = hash;
      return false;
    }
    await this.#settle(bytes, hash);
    return true;
  }

  async #settle(bytes: Buffer, hash: string): Promise<void> {
    this.#settledHash = hash;
    if (!this.#isStopped) await this.#apply(bytes);
  }

  async #apply(bytes: Buffer): Promise<void> {
    const { file, reloader, events } = this.#options;
    const { models, errors, warnings } = file.read(bytes);
    if (errors.length > 0) {
      events.onInvalid(errors);
      return;
    }
    for (const warning of warnings) events.onWarning(warning);
    try {
      await reloader.reload(models, { keepsPlatforms: file.keepsPlatforms });
      events.onReloaded(models.map(({ name }) => name));
    } catch (error) {
      events.onRefused(error);
    }
  }

  #wait(ms: number): void {
    const { clock } = this.#options;
    this.#timer = clock.setTimer(clock.nowMs() + ms, () => void this.#inTurn(() => this.#poll()));
  }
}
