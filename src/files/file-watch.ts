/**
 * Says when the contents of files have changed: by polling them, and when an operator asks (SIGHUP).
 *
 *   look ──▶ as known ───────────────────────────────────────────▶ wait for the next look
 *        └─▶ new ──▶ look again, soon ──▶ the same ──▶ hand over
 *                          └─▶ new again: look again
 *
 * Contents count once two looks in a row find the same, so a file that is being written is not taken too early. Who asks
 * gets what is there, without a second look and also if it is known.
 *
 * Files are found by their paths each time, so a changed link counts, as Kubernetes rotates a mounted secret: it points
 * the link ..data, through which every file is reached, to another directory. A read of several files may fall on both
 * sides of that. Therefore they are read until two reads in a row are equal, so that all of them belong together; and a
 * writer who copies one file after the other has time until the second look.
 *
 * Files that cannot be read change nothing. Contents that are refused are handed over again at each look: a certificate
 * may only not be valid yet. In both cases the reason is told once, and to whoever asks each time.
 */
import type { Buffer } from 'node:buffer';
import type { Clock } from '../core/clock.ts';
import { Poller } from '../core/poller.ts';
import { hashOf } from './content-hash.ts';

/** Files, and the hash of their contents; see hashOf. */
export interface KnownFiles {
  readonly paths: readonly string[];
  readonly hash: string;
}

export interface FoundContents {
  /** The contents in the order of the paths. */
  readonly contents: readonly Buffer[];
  readonly hash: string;
  /** An operator asked for them; they may be the known ones. */
  readonly isAsked: boolean;
}

type FileBytes = { readonly bytes: Buffer } | { readonly error: string; readonly bytes?: undefined };

export interface Polling {
  /** The time between two looks, in ms; 0 = only when asked. */
  readonly pollMs: number;
  readonly clock: Clock;
}

export interface FileWatchOptions extends Polling {
  /** The files as they were read at the start. */
  readonly known: KnownFiles;
  /** The time between the two looks that must find the same new contents, in ms; `pollMs` if that is shorter. */
  readonly settleMs: number;
  /** Reads a file. Never rejects. */
  readonly load: (path: string) => Promise<FileBytes>;
  /** Uses the contents. Resolves with what is wrong with them; empty = nothing. Must not reject. */
  readonly take: (found: FoundContents) => Promise<readonly string[]>;
  /** The files cannot be read, or their contents were refused for these reasons. */
  readonly onInvalid: (errors: readonly string[]) => void;
}

interface Look {
  readonly contents: readonly Buffer[];
  /** Why files cannot be read. */
  readonly errors: readonly string[];
  /** The contents' hash, or the errors. */
  readonly print: string;
}

/** Several files are read so often, at most, to find them equal twice; then the last read counts. */
const MOST_READS = 5;

export class FileWatch {
  readonly #options: FileWatchOptions;
  readonly #poller: Poller;
  /** The contents that were handed over last. */
  #known: KnownFiles;
  #isRefused = false;
  /** The print of the last look. */
  #candidate = '';
  /** The errors that were told last; '' = none since contents were good. */
  #reported = '';
  #isAsked = false;
  #isStopped = false;

  constructor(options: FileWatchOptions) {
    const { clock, pollMs, settleMs, known } = options;
    this.#options = options;
    this.#known = known;
    this.#poller = new Poller({ clock, intervalMs: pollMs, soonMs: settleMs, poll: () => this.#poll() });
  }

  /** Begins to poll, after one interval: the files have been read just now. */
  start(): void {
    this.#poller.startLater();
  }

  /** No look begins after this, and what is being read is not handed over. */
  stop(): void {
    this.#isStopped = true;
    this.#poller.close();
  }

  /** Hands over what the files hold now, after the look in progress. Resolves when it was taken; never rejects. */
  reread(): Promise<void> {
    this.#isAsked = true;
    return this.#poller.now();
  }

  /** Called by `take`: these are the files from now on, with the contents that were used. */
  follow(files: KnownFiles): void {
    this.#known = files;
  }

  /** True if the next look should come soon. Never rejects. */
  async #poll(): Promise<boolean> {
    const isAsked = this.#isAsked;
    this.#isAsked = false;
    const look = await this.#look();
    if (this.#isStopped) return false;
    const isKnown = look.print === this.#known.hash;
    const isSettled = isAsked || isKnown || look.print === this.#candidate;
    this.#candidate = look.print;
    if (!isSettled) return true;
    if (isAsked || !isKnown || this.#isRefused) this.#report(await this.#take(look, isAsked), isAsked);
    else this.#reported = '';
    return false;
  }

  async #take({ contents, errors, print: hash }: Look, isAsked: boolean): Promise<readonly string[]> {
    if (errors.length > 0) return errors;
    this.#known = { ...this.#known, hash };
    const wrong = await this.#options.take({ contents, hash, isAsked });
    this.#isRefused = wrong.length > 0;
    return wrong;
  }

  #report(errors: readonly string[], isAsked: boolean): void {
    const text = errors.join('\n');
    if (text !== '' && (isAsked || text !== this.#reported)) this.#options.onInvalid(errors);
    this.#reported = text;
  }

  async #look(): Promise<Look> {
    let look = await this.#read();
    for (let reads = 1; reads < MOST_READS && this.#known.paths.length > 1; reads++) {
      const next = await this.#read();
      if (next.print === look.print) break;
      look = next;
    }
    return look;
  }

  async #read(): Promise<Look> {
    const { load } = this.#options;
    const files = await Promise.all(this.#known.paths.map((path) => load(path)));
    const contents = files.flatMap(({ bytes }) => bytes ?? []);
    const errors = files.flatMap((file) => (file.bytes === undefined ? file.error : []));
    return { contents, errors, print: errors.length > 0 ? errors.join('\n') : hashOf(contents) };
  }
}
