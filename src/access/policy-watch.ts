/**
 * Reads the authorization file, and the JWKS that it names, anew: when asked, and by polling. A changed content counts
 * once two polls find it, so that a file that is being written is not read too early. A file with a mistake, or one that
 * is gone, changes nothing: the policy before stays, and the log says so, once for each content.
 */
import {
  type Authorization,
  type AuthorizationResult,
  hashOf,
  loadAuthorization,
} from '../config/authorization/authorization.ts';
import { type FileResult, loadConfigFile } from '../config/config-file.ts';
import type { Clock, TimerHandle } from '../core/clock.ts';

export interface PolicyWatchOptions {
  readonly path: string;
  readonly start: Authorization;
  /** 0 = only when asked. */
  readonly pollMs: number;
  readonly clock: Clock;
  /** Says what is wrong with an authorization that can be read; empty = nothing. */
  readonly check: (authorization: Authorization) => readonly string[];
  readonly onRead: (authorization: Authorization) => void;
  readonly onInvalid: (errors: readonly string[]) => void;
  /** Reads a file; by default from the disk. Never rejects. */
  readonly load?: (path: string) => Promise<FileResult>;
}

/** Between the two polls that must find the same new content, or `pollMs` if that is shorter. */
const SETTLE_MS = 1000;

export class PolicyWatch {
  readonly #options: PolicyWatchOptions;
  readonly #load: (path: string) => Promise<FileResult>;
  /** The files of the policy in use. */
  #paths: readonly string[];
  /** Of the content that was last read, or refused. */
  #settledHash: string;
  #candidateHash = '';
  #timer: TimerHandle | undefined;
  #isStopped = false;
  #reading: Promise<void> = Promise.resolve();

  constructor(options: PolicyWatchOptions) {
    this.#options = options;
    this.#load = options.load ?? loadConfigFile;
    this.#paths = options.start.paths;
    this.#settledHash = options.start.hash;
  }

  start(): void {
    const { pollMs } = this.#options;
    if (pollMs > 0) this.#wait(pollMs);
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
  }

  /** Reads the files now, even if they have not changed. Never rejects. */
  reread(): Promise<void> {
    return this.#inTurn(async () => this.#read(await this.#hash()));
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#reading = this.#reading.then(work);
    return this.#reading;
  }

  async #poll(): Promise<void> {
    const { pollMs } = this.#options;
    const hash = await this.#hash();
    const isNew = hash !== this.#settledHash;
    const isSettled = hash === this.#candidateHash;
    this.#candidateHash = hash;
    if (isNew && isSettled) await this.#read(hash);
    if (!this.#isStopped) this.#wait(isNew && !isSettled ? Math.min(pollMs, SETTLE_MS) : pollMs);
  }

  async #read(hash: string): Promise<void> {
    if (this.#isStopped) return;
    const { path, check, onRead, onInvalid } = this.#options;
    this.#settledHash = hash;
    const { authorization, errors = [] }: AuthorizationResult = await loadAuthorization(path, this.#load);
    const problems = authorization === undefined ? errors : check(authorization);
    if (authorization === undefined || problems.length > 0) {
      onInvalid(problems);
      return;
    }
    this.#paths = authorization.paths;
    this.#settledHash = authorization.hash;
    onRead(authorization);
  }

  /** Of the contents, or of the reasons why there are none. */
  async #hash(): Promise<string> {
    const files = await Promise.all(this.#paths.map(this.#load));
    const contents = files.map(({ bytes, error }) => bytes ?? new TextEncoder().encode(error));
    return hashOf(contents);
  }

  #wait(ms: number): void {
    const { clock } = this.#options;
    this.#timer = clock.setTimer(clock.nowMs() + ms, () => void this.#inTurn(() => this.#poll()));
  }
}
