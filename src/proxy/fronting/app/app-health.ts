/**
 * Looks at the application's health again and again.
 *
 *   not well ── one good answer ──▶ well ── `failures` bad ones in a row ──▶ not well
 *
 * How it asks is in app-health-http.ts and protocols/health/health-client.ts. Not well at the start.
 */
import type { Clock } from '../../../core/clock.ts';
import { Poller } from '../../../core/poller.ts';

/** The result of one look. */
export interface AppLook {
  readonly isGood: boolean;
  /** The application's answer, or why there is none, for people: "status 503". */
  readonly why: string;
}

/** Asks once, and takes no longer than `mostMs`. Never rejects. */
export type AskApp = (clock: Clock, mostMs: number) => Promise<AppLook>;

export interface AppHealthOptions {
  readonly clock: Clock;
  readonly ask: AskApp;
  /** The time from the end of a look to the next, and the most that one may take. */
  readonly intervalMs: number;
  /** Bad looks in a row, after which it is not well: one may be a pause of the application's collector. */
  readonly failures: number;
  /** Called when it changes. */
  readonly onChange: (isWell: boolean, why: string) => void;
}

export class AppHealth {
  readonly #options: AppHealthOptions;
  readonly #poller: Poller;
  #isWell = false;
  #bad = 0;
  #why = 'it was not asked yet';
  #isClosed = false;

  constructor(options: AppHealthOptions) {
    const { clock, intervalMs } = options;
    this.#options = options;
    this.#poller = new Poller({ clock, intervalMs, poll: () => this.#look() });
  }

  /** Why it does not count as well: what the last look found. Undefined while it does. */
  get problem(): string | undefined {
    return this.#isWell ? undefined : this.#why;
  }

  /** Begins to look. */
  start(): void {
    this.#poller.start();
  }

  /** Looks no more, and reports nothing more. */
  close(): void {
    this.#isClosed = true;
    this.#poller.close();
  }

  async #look(): Promise<boolean> {
    const { clock, ask, intervalMs, failures, onChange } = this.#options;
    const { isGood, why } = await ask(clock, intervalMs);
    if (this.#isClosed) return false;
    this.#why = why;
    this.#bad = isGood ? 0 : this.#bad + 1;
    const isWell = isGood || (this.#isWell && this.#bad < failures);
    if (isWell !== this.#isWell) {
      this.#isWell = isWell;
      onChange(isWell, why);
    }
    return false;
  }
}
