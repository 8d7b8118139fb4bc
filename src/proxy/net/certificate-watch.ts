/**
 * Reads the files of key and certificates again when they change, and hands the new ones over.
 *
 *   look ──▶ as served ──────────────────────────────────────────▶ wait for the next look
 *        └─▶ new ──▶ look again, soon ──▶ the same ──▶ good: apply; bad: keep what is served, and say why
 *                          └─▶ new again: look again
 *
 * Files are found by their paths each time, so that a changed link counts, as Kubernetes rotates a mounted secret: it
 * points the link ..data, through which every file is reached, to another directory. A read of several files may fall
 * on both sides of that. Therefore all of them are read until two reads in a row are equal, so that key, certificate
 * and authorities belong together; and a writer who copies one file after the other has time until the second look.
 *
 * What is bad is said once, and tried again at each look: a certificate may only not be valid yet.
 */
import type { Buffer } from 'node:buffer';
import { type FileResult, loadConfigFile } from '../../config/config-file.ts';
import { outOfDate, type TlsConfig } from '../../config/tls-config.ts';
import { hashOf, type TlsAtStart } from '../../config/tls-source.ts';
import type { Clock } from '../../core/clock.ts';
import { Poller } from '../../core/poller.ts';

/** Events for the log and the metrics. */
export interface CertificateEvents {
  onApplied(config: TlsConfig): void;
  /** The files cannot be read, or hold these mistakes; what was served stays. */
  onRefused(errors: readonly string[]): void;
  /** Somebody has asked, and nothing is new. */
  onUnchanged(): void;
}

export interface CertificateWatchOptions {
  readonly start: TlsAtStart;
  /** Between two looks; 0 = only when asked. */
  readonly pollMs: number;
  readonly clock: Clock;
  /** Takes the new ones into use. Throws if they cannot be used; the old ones stay then. */
  readonly apply: (config: TlsConfig) => void;
  readonly events: CertificateEvents;
  /** Reads a file; by default from the disk. Never rejects. */
  readonly load?: (path: string) => Promise<FileResult>;
}

/** Of all files together. */
interface Look {
  /** Tells looks apart. */
  readonly print: string;
  readonly contents: readonly Buffer[];
  readonly errors: readonly string[];
}

/** Reads in a row that may differ before one is taken as it is: the next look comes soon. */
const MOST_READS = 5;

export class CertificateWatch {
  readonly #options: CertificateWatchOptions;
  readonly #poller: Poller;
  /** Of the look that is served. */
  #served: string;
  /** Of the last look, if it was not that one. */
  #candidate: string | undefined;
  /** What was said of it. */
  #said: string | undefined;
  #isAsked = false;

  constructor(options: CertificateWatchOptions) {
    this.#options = options;
    this.#served = options.start.hash;
    const { clock, pollMs } = options;
    this.#poller = new Poller({ clock, intervalMs: pollMs === 0 ? -1 : pollMs, poll: () => this.#poll() });
  }

  start(): void {
    this.#poller.start();
  }

  /** No look begins after this. */
  stop(): void {
    this.#poller.close();
  }

  /** Looks now, and takes what is there without a second look. Resolves when that is done; never rejects. */
  reread(): Promise<void> {
    this.#isAsked = true;
    return this.#poller.now();
  }

  /** True if the next look should come soon. Never rejects. */
  async #poll(): Promise<boolean> {
    const isAsked = this.#isAsked;
    this.#isAsked = false;
    const look = await this.#look();
    if (look.print === this.#served) {
      this.#candidate = undefined;
      this.#said = undefined;
      if (isAsked) this.#options.events.onUnchanged();
      return false;
    }
    const isSettled = isAsked || look.print === this.#candidate;
    this.#candidate = look.print;
    if (!isSettled) return true;
    const errors = this.#take(look);
    const said = errors.join('\n');
    if (errors.length > 0 && (isAsked || said !== this.#said)) this.#options.events.onRefused(errors);
    this.#said = said;
    return false;
  }

  /** What is wrong; nothing if the new ones are served now. */
  #take({ print, contents, errors: readErrors }: Look): readonly string[] {
    const { start, clock, apply, events } = this.#options;
    if (readErrors.length > 0) return readErrors;
    const errors: string[] = [];
    const config = start.source.read(contents, errors);
    if (config === undefined) return errors;
    const late = outOfDate(config, clock.wallMs());
    if (late.length > 0) return late;
    if (config.verifyClient !== start.config.verifyClient) {
      return ['client_verify has changed, which takes effect at the next start alone; start the server again'];
    }
    try {
      apply(config);
    } catch (error) {
      return [(error as Error).message];
    }
    this.#served = print;
    events.onApplied(config);
    return [];
  }

  async #look(): Promise<Look> {
    let look = await this.#read();
    for (let reads = 1; reads < MOST_READS; reads++) {
      const next = await this.#read();
      if (next.print === look.print) break;
      look = next;
    }
    return look;
  }

  async #read(): Promise<Look> {
    const { start, load = loadConfigFile } = this.#options;
    const files = await Promise.all(start.source.paths.map((path) => load(path)));
    const contents = files.flatMap(({ bytes }) => bytes ?? []);
    const errors = files.flatMap(({ error }) => error ?? []);
    return { contents, errors, print: errors.length > 0 ? errors.join('\n') : hashOf(contents) };
  }
}
