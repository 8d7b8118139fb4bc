/**
 * Looks at the file that lists the models, again and again, and reloads when it has changed; or once, when asked.
 *
 *   look ──▶ as before ────────────────────────────────────────▶ wait a poll
 *        └─▶ changed ──▶ look again, a second later ──▶ the same ──▶ read ──▶ reload, or refuse and say why
 *                              └─▶ changed again: look again
 *
 * A file that is being written is never taken for whole: its content must be the same on two looks. Replacing it by a
 * rename needs no such luck. What cannot be read, holds a mistake or is refused by the reloader is told once for each
 * content; the models that were served before stay. One reload at a time; the next look waits for it.
 *
 * `reread`, an operator's wish, takes the file as it is: whoever asks has written it, and may ask because models are not
 * those of the file any more (HandleReloadConfigRequest) or because what was refused would now be taken.
 */
import type { Buffer } from 'node:buffer';
import { contentHash, type FileResult, loadConfigFile } from '../../config/config-file.ts';
import type { ModelFile } from '../../config/model-file.ts';
import type { Clock, TimerHandle } from '../../core/clock.ts';
import type { ModelReloader } from '../serving/servable-directory.ts';

/** For the log. */
export interface ModelFileEvents {
  onReloaded(models: readonly string[]): void;
  /** The file cannot be read, or holds mistakes: all of them. */
  onInvalid(errors: readonly string[]): void;
  /** The list was good, and the reloader refused it or could not load a new model. */
  onRefused(error: unknown): void;
  /** Something in the file has no effect. */
  onWarning(text: string): void;
}

export interface ModelFileWatchOptions {
  readonly file: ModelFile;
  /** 0 = it is looked at only when asked. */
  readonly pollMs: number;
  readonly clock: Clock;
  readonly reloader: ModelReloader;
  readonly events: ModelFileEvents;
  /** By default from the disk. Never rejects. */
  readonly load?: (path: string) => Promise<FileResult>;
}

/** Between the two looks at a new content, or a poll if that is shorter. */
const SETTLE_MS = 1000;

export class ModelFileWatch {
  readonly #options: ModelFileWatchOptions;
  readonly #load: (path: string) => Promise<FileResult>;
  /** Of the content that was last applied or refused. */
  #settled: string;
  /** Of a content seen once. */
  #candidate: string | undefined;
  /** Why the file could not be read, if it could not: told once. */
  #unreadable: string | undefined;
  #timer: TimerHandle | undefined;
  #isStopped = false;
  /** Ends with the look that goes on. */
  #turn: Promise<void> = Promise.resolve();

  constructor(options: ModelFileWatchOptions) {
    this.#options = options;
    this.#load = options.load ?? loadConfigFile;
    this.#settled = options.file.startHash;
  }

  start(): void {
    if (this.#options.pollMs > 0) this.#wait(this.#options.pollMs);
  }

  /** No look begins after this; a reload that goes on is the reloader's. */
  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  /** Takes the file as it is, after the look that goes on. Never rejects. */
  reread(): Promise<void> {
    return this.#inTurn(() => this.#readNow());
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(work);
    return this.#turn;
  }

  async #readNow(): Promise<void> {
    if (this.#isStopped) return;
    const { file, events } = this.#options;
    try {
      const { bytes, error } = await this.#load(file.path);
      this.#unreadable = error;
      this.#candidate = undefined;
      if (bytes === undefined) events.onInvalid([error]);
      else await this.#settle(bytes, contentHash(bytes));
    } catch (error) {
      events.onRefused(error);
    }
  }

  /** One look, and what follows from it. Never rejects. */
  async #look(): Promise<void> {
    const { file, pollMs, events } = this.#options;
    let waitMs = pollMs;
    try {
      const { bytes, error } = await this.#load(file.path);
      if (bytes === undefined) {
        if (error !== this.#unreadable) events.onInvalid([error]);
        this.#candidate = undefined;
      } else if (await this.#isSettled(bytes)) this.#candidate = undefined;
      else waitMs = Math.min(pollMs, SETTLE_MS);
      this.#unreadable = error;
    } catch (error) {
      // A fault of ours. The next look comes all the same.
      events.onRefused(error);
    }
    if (!this.#isStopped) this.#wait(waitMs);
  }

  /** False if the content is new and must be seen once more. */
  async #isSettled(bytes: Buffer): Promise<boolean> {
    const hash = contentHash(bytes);
    if (hash === this.#settled) return true;
    if (hash !== this.#candidate) {
      this.#candidate = hash;
      return false;
    }
    await this.#settle(bytes, hash);
    return true;
  }

  async #settle(bytes: Buffer, hash: string): Promise<void> {
    this.#settled = hash;
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
      await reloader.reload(models);
      events.onReloaded(models.map(({ name }) => name));
    } catch (error) {
      events.onRefused(error);
    }
  }

  #wait(ms: number): void {
    const { clock } = this.#options;
    this.#timer = clock.setTimer(clock.nowMs() + ms, () => void this.#inTurn(() => this.#look()));
  }
}
