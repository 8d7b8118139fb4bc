/**
 * A contestant on its way through one model's comparison. Should it end under load it is started again, a few times,
 * and the measurement repeated: a crash is an incident to report, not a reason to lose its other rounds.
 */
import type { Contestant } from './contestants.ts';
import { type Load, measure } from './measure.ts';
import type { BenchModel } from './models.ts';
import type { Protocol, Surface } from './protocols/protocol.ts';
import type { Round } from './results.ts';
import { type RunningContestant, startContestant } from './running-contestant.ts';

const MOST_RESTARTS = 3;

export class Entrant {
  readonly contestant: Contestant;
  readonly #model: BenchModel;
  readonly #surfaces: readonly Surface[];
  readonly #onRestart: (reason: Error) => void;
  #running: RunningContestant;
  #restarts = 0;

  private constructor(
    contestant: Contestant,
    model: BenchModel,
    surfaces: readonly Surface[],
    onRestart: (reason: Error) => void,
    running: RunningContestant,
  ) {
    this.contestant = contestant;
    this.#model = model;
    this.#surfaces = surfaces;
    this.#onRestart = onRestart;
    this.#running = running;
  }

  /** Rejects if it does not come up or answers wrong. `onRestart` is told why it is started again. */
  static async enter(
    contestant: Contestant,
    model: BenchModel,
    surfaces: readonly Surface[],
    onRestart: (reason: Error) => void,
  ): Promise<Entrant> {
    const running = await startContestant(contestant, model, surfaces);
    return new Entrant(contestant, model, surfaces, onRestart, running);
  }

  /** The protocols over which it can be measured. */
  get protocols(): readonly Protocol[] {
    return this.#running.targets.map(({ protocol }) => protocol);
  }

  /** Seconds of the last start. */
  get startSeconds(): number {
    return this.#running.startSeconds;
  }

  /** Rejects if it can be measured no more. */
  async measure(protocol: Protocol, load: Load, round: number): Promise<Round> {
    for (;;) {
      const target = this.#running.targets.find((each) => each.protocol === protocol)!;
      try {
        return await measure(target, this.#model, load, round);
      } catch (error) {
        if (target.server.ending() === undefined || this.#restarts === MOST_RESTARTS) throw error;
        this.#restarts += 1;
        this.#onRestart(error as Error);
        await this.#running.stop();
        this.#running = await startContestant(this.contestant, this.#model, this.#surfaces);
      }
    }
  }

  stop(): Promise<void> {
    return this.#running.stop();
  }
}
