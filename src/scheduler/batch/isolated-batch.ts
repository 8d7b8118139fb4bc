/** What is known of a failed batch while its parts are run again (isolation.ts). */

import type { BatchOrigin } from '../../core/executor.ts';
import type { Task, TaskRide } from '../task.ts';

export class Isolation implements TaskRide {
  readonly #members: readonly Task[];
  #onJudged: BatchOrigin['onJudged'];

  /** Of the batch's members, those that are still wanted; `onJudged` as in BatchOrigin. */
  constructor(members: readonly Task[], onJudged: BatchOrigin['onJudged']) {
    this.#members = members;
    this.#onJudged = onJudged;
  }

  /** A part was answered: the runtime is well, and the values of another one are at fault. */
  onAnswered(): void {
    this.#judge(true);
  }

  /** A part has failed, or a request of one was cancelled or has expired. */
  onLeaving(): void {
    if (this.#onJudged === undefined) return;
    if (this.#members.every(({ owner }) => owner.isSettled)) this.#judge(false);
  }

  #judge(isOfInputs: boolean): void {
    const onJudged = this.#onJudged;
    this.#onJudged = undefined;
    onJudged?.(isOfInputs);
  }
}
