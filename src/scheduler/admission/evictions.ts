/** Sheddable requests that wait make room for more important ones. */
import type { Instant } from '../../core/clock.ts';
import { Priority } from '../../core/priority.ts';
import { evicted } from '../queue/queue-errors.ts';
import type { SignaturePlan } from '../signature-plan.ts';
import type { Task, TaskContext } from '../task.ts';
import { DEFAULT_RETRY_AFTER_MS } from '../tuning.ts';
import type { LatenessFacts } from './lateness-forecast.ts';

export class Evictions {
  readonly #facts: LatenessFacts;

  constructor(facts: LatenessFacts) {
    this.#facts = facts;
  }

  /**
   * Evicts the sheddable request that goes last before `order`, of this plan or of all, for a more important one. False =
   * there is none.
   */
  evictOne(context: TaskContext, order: Instant, plan: SignaturePlan | undefined): boolean {
    const { queue } = this.#facts;
    if (queue.sheddableTasks === 0 || (context.priority ?? Priority.default) >= Priority.sheddable) return false;
    let last: Task | undefined;
    for (const lane of queue) {
      if (plan !== undefined && lane.plan !== plan) continue;
      for (const task of lane.tasks()) {
        if (task.priority !== Priority.sheddable || task.order > order) continue;
        if (last === undefined || task.order >= last.order) last = task;
      }
    }
    last?.owner.fail(evicted(this.retryAfterMs(last.lane!.plan)));
    return last !== undefined;
  }

  /** When the batches that wait should have run, if they take as long as the last ones, in ms. */
  retryAfterMs(plan: SignaturePlan): number {
    const { dispatcher, statistics } = this.#facts;
    const { meanRunMs } = statistics;
    if (meanRunMs === undefined) return DEFAULT_RETRY_AFTER_MS;
    const ahead = Math.ceil(plan.queuedRows / plan.maxBatchSize) + dispatcher.runningBatches;
    return Math.max(1, Math.ceil((meanRunMs * ahead) / Math.max(1, dispatcher.slots)));
  }
}
