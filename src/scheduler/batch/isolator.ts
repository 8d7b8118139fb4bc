/**
 * A batch whose run failed is run again in parts, so that the request whose values the runtime cannot take fails alone,
 * with the runtime's own words, and those beside it are answered.
 *
 *   a b c d e f g h    the run fails; a runtime does not say over whose row
 *   a b c d │ e f g h  two halves, who is due first in the first
 *   answered│ fails
 *           │ e f │ g h
 *           │     │ g, h: three or fewer are run one by one; what fails alone is at fault
 *
 * One request at fault among n costs about 2·log2(n) runs, and no number of them more than 2n.
 *
 * The parts wait in the queue, each in a lane of its own which nobody joins: deadlines, cancels, priorities, other
 * models' turns and admission's forecast hold for them as for all that waits, and what is not in time for another run is
 * given up as anything is. They are made of the requests' own tensors, which live until a request settles: the batch's
 * memory is the executor's, and may have been given to another thread.
 *
 * Not run again: what failed for another reason than an input's values (a lost worker, a deadline, no memory, no server),
 * what ran alone, and what the budget does not allow (rerun-budget.ts): those fail as they are.
 */
import type { Instant } from '../../core/clock.ts';
import type { ErrorKind, ServingError } from '../../core/errors.ts';
import { Lane } from '../queue/lane.ts';
import type { TaskQueue } from '../queue/task-queue.ts';
import type { Task } from '../task.ts';
import { Isolation } from './isolated-batch.ts';
import { RerunBudget } from './rerun-budget.ts';
import type { RunningBatch } from './running-batch.ts';

/** So few are run one by one: halves would take as many runs. */
const MOST_ALONE = 3;

/** A NUL more than any lane's key that is made of names has in a row. */
const KEY_MARK = '\0\0isolated ';

/** An input's values may be the reason, or nobody knows the reason. */
function isOfValues(kind: ErrorKind): boolean {
  return kind === 'backend_failed' || kind === 'invalid_request' || kind === 'internal';
}

export class Isolator {
  readonly #queue: TaskQueue;
  readonly #budget = new RerunBudget();
  #lanes = 0;

  constructor(queue: TaskQueue) {
    this.#queue = queue;
  }

  /**
   * The batch's run failed with `error`. True: its members wait to be run again. False: they are to fail with it.
   * `meanRunMs` as for the budget.
   */
  takeApart(running: RunningBatch, error: ServingError, now: Instant, meanRunMs: number | undefined): boolean {
    if (running.record.tasks < 2 || !isOfValues(error.kind)) return false;
    const members = running.wantedMembers();
    if (members.length === 0) return false;
    if (this.#budget.isSpent(meanRunMs)) {
      running.record.isolation = 'no_budget';
      return false;
    }
    running.setAside(error, now);
    const { lane } = running;
    const isolation = lane.isolation ?? new Isolation(members, running.takeJudge());
    members.sort((a, b) => a.due - b.due);
    for (const part of partsOf(members)) this.#queueAgain(part, lane, isolation);
    return true;
  }

  /** An ordinary batch was answered. */
  onRun(runMs: number): void {
    this.#budget.onRun(runMs);
  }

  /** A batch has ended, and had its slot for so long. */
  onEnded({ lane }: RunningBatch, ranMs: number): void {
    if (lane.isolation === undefined) return;
    this.#budget.onRerun(ranMs);
    lane.isolation.onLeaving();
  }

  #queueAgain(part: readonly Task[], like: Lane, isolation: Isolation): void {
    this.#lanes += 1;
    let rows = 0;
    for (const task of part) rows += task.rows;
    const key = `${like.key}${KEY_MARK}${this.#lanes}`;
    const lane = new Lane(key, like.plan, like.outputs, undefined, like.rowBytes, { isolation, rows });
    for (const task of part) {
      task.ride = isolation;
      this.#queue.push(lane, task);
    }
  }
}

function partsOf(members: readonly Task[]): readonly (readonly Task[])[] {
  if (members.length <= MOST_ALONE) return members.map((member) => [member]);
  const half = Math.ceil(members.length / 2);
  return [members.slice(0, half), members.slice(half)];
}
