/** How long a run still takes, from how long its turns took so far compared with what they last at least. */
import type { Workload } from './workload.ts';

/** Lead-in, the generator's start, and answers that come late. */
const AROUND_A_TURN_S = 1.5;
const CAPACITY_S = 2.5;

export interface Ahead {
  readonly workload: Workload;
  readonly turns: number;
  readonly capacities: number;
}

export class TimeLeft {
  readonly #seconds: number | undefined;
  readonly #nowMs: () => number;
  readonly #startedAt: number;
  #ahead = 0;
  #done = 0;

  /** `seconds` of a turn instead of the workloads' own. */
  constructor(ahead: readonly Ahead[], seconds: number | undefined, nowMs = () => performance.now()) {
    this.#seconds = seconds;
    this.#nowMs = nowMs;
    this.#startedAt = nowMs();
    for (const { workload, turns, capacities } of ahead) {
      this.#ahead += turns * this.#turn(workload) + capacities * this.#capacity(workload);
    }
  }

  turnDone(workload: Workload): void {
    this.#done += this.#turn(workload);
  }

  capacityDone(workload: Workload): void {
    this.#done += this.#capacity(workload);
  }

  /** "about 12 min left · "; empty while nothing was measured. */
  text(): string {
    if (this.#done === 0) return '';
    const pace = (this.#nowMs() - this.#startedAt) / this.#done;
    const minutes = (Math.max(0, this.#ahead - this.#done) * pace) / 60_000;
    return minutes < 1 ? 'less than 1 min left · ' : `about ${Math.round(minutes)} min left · `;
  }

  #turn({ seconds }: Workload): number {
    return (this.#seconds ?? seconds) + AROUND_A_TURN_S;
  }

  #capacity({ streams }: Workload): number {
    return streams.length * CAPACITY_S;
  }
}
