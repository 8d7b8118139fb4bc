/**
 * A failed batch whose parts are run again (isolator.ts). It tells the executor, once, whether the runtime or a
 * request's values were at fault, and charges the runs to the callers of those values.
 */
import type { BatchOrigin } from '../../core/executor.ts';
import type { RerunGroup } from '../queue/lane.ts';
import type { Task } from '../task.ts';

export class Isolation implements RerunGroup {
  readonly isTrial = false;
  hasAnswered = false;
  readonly #members: readonly Task[];
  readonly #charge: (caller: string, ms: number) => void;
  readonly #atFault = new Set<string>();
  #onJudged: BatchOrigin['onJudged'];
  #isUnexplained = false;
  #runMs = 0;

  /**
   * @param members those of the batch that are not settled
   * @param onJudged as in BatchOrigin
   * @param charge takes a caller's share of the runs' length, in ms
   */
  constructor(
    members: readonly Task[],
    onJudged: BatchOrigin['onJudged'],
    charge: (caller: string, ms: number) => void,
  ) {
    this.#members = members;
    this.#onJudged = onJudged;
    this.#charge = charge;
  }

  /** A part was answered: the runtime works, so the values of another part are at fault. */
  onAnswered(): void {
    this.hasAnswered = true;
    this.#judge(true);
  }

  /** The values of this caller's request are at fault, and not the runtime. */
  onFault(caller: string): void {
    this.#atFault.add(caller);
    this.#judge(true);
  }

  onUnexplained(): void {
    this.#isUnexplained = true;
  }

  onRerun(ms: number): void {
    this.#runMs += ms;
  }

  /** A part has failed, or a request of one was cancelled or has expired. */
  onMemberSettled(): void {
    if (!this.#members.every(({ owner }) => owner.isSettled)) return;
    // Requests that were cancelled before they ran again say nothing of the runtime.
    this.#judge(this.#isUnexplained ? false : undefined);
    for (const caller of this.#atFault) this.#charge(caller, this.#runMs / this.#atFault.size);
    this.#runMs = 0;
  }

  #judge(isOfInputs: boolean | undefined): void {
    const onJudged = this.#onJudged;
    this.#onJudged = undefined;
    onJudged?.(isOfInputs);
  }
}
