/**
 * The moments at which an audit may run a row: nobody waits for the model, and it runs nothing. If none comes for a few
 * seconds, the audit is given up, so that there is none in overload.
 */
import type { Clock } from '../../../core/clock.ts';
import { ProofEnded } from '../proof-runs.ts';

/** An audit waits that long for each of its runs. */
export const PATIENCE_MS = 5000;
const LOOK_EVERY_MS = 5;

/** No moment came. */
export class AuditGivenUp extends Error {}

export class IdleMoments {
  readonly #clock: Clock;
  readonly #isIdle: () => boolean;
  #isEnded = false;
  /** Ends the wait of an audit. */
  #release: (() => void) | undefined;

  constructor(clock: Clock, isIdle: () => boolean) {
    this.#clock = clock;
    this.#isIdle = isIdle;
  }

  /** No moment follows. Idempotent. */
  end(): void {
    this.#isEnded = true;
    this.#release?.();
  }

  /** Resolves at such a moment, after a pause. Rejects with AuditGivenUp, or with ProofEnded. One call at a time. */
  async next(pauseMs: number): Promise<void> {
    if (pauseMs > 0 && !this.#isEnded) await this.#wait(pauseMs);
    const until = this.#clock.nowMs() + PATIENCE_MS;
    while (!this.#isEnded && !this.#isIdle()) {
      if (this.#clock.nowMs() >= until) throw new AuditGivenUp('the model was never idle');
      await this.#wait(LOOK_EVERY_MS);
    }
    if (this.#isEnded) throw new ProofEnded('the version is unloaded');
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel();
        this.#release = undefined;
        resolve();
      };
      const timer = this.#clock.setTimer(this.#clock.nowMs() + ms, end);
      this.#release = end;
    });
  }
}
