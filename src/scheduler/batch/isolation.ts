/**
 * A failed batch whose parts are run again (isolator.ts). It tells the executor, once, whether the runtime or a
 * request's values were at fault.
 */
import type { BatchOrigin } from '../../core/executor.ts';
import type { Task, TaskGroup } from '../task.ts';

export class Isolation implements TaskGroup {
  readonly #members: readonly Task[];
  #onJudged: BatchOrigin['onJudged'];

  /** @param members those of the batch that are not settled. @param onJudged as in BatchOrigin */
  constructor(members: readonly Task[], onJudged: BatchOrigin['onJudged']) {
    this.#members = members;
    this.#onJudged = onJudged;
  }

  /** A part was answered: the runtime works, so the values of another part are at fault. */
  onAnswered(): void {
    this.#judge(true);
  }

  /** A part has failed, or a request of one was cancelled or has expired. */
  onMemberSettled(): void {
    if (this.#onJudged === undefined) return;
    if (this.#members.every(({ owner }) => owner.isSettled)) this.#judge(false);
  }

  #judge(isOfInputs: boolean): void {
    const onJudged = this.#onJudged;
    this.#onJudged = undefined;
    onJudged?.(isOfInputs);
  }
}
