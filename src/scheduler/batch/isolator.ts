/**
 * Runs a failed batch again in parts, so that only the request whose values the runtime cannot take fails, with the
 * runtime's own error, and the other members are answered.
 *
 *   a b c d e f g h    the run fails; the runtime does not say for whose row
 *   a b c d │ e f g h  two halves; the members that are due first are in the first
 *   answered│ fails
 *           │ e f │ g h
 *           │     │ g, h: three or fewer are run one by one; one that fails alone is at fault
 *
 * One request at fault among n costs about 2·log2(n) runs. There are never more than 2n runs.
 *
 * Each part waits in the queue, in a lane of its own that no other request joins. So deadlines, cancels, priorities,
 * the turns of other models and admission's forecast apply to it as to everything that waits. Parts are made of the
 * requests' own tensors, which live until a request settles: the batch's buffers belong to the executor and may have
 * been moved to another thread.
 *
 * A batch is not run again if it failed for another reason than the values of an input (a lost worker, a deadline, no
 * memory, no server), if it had one member, or if the budget is spent. Then its members fail.
 */
import type { Instant } from '../../core/clock.ts';
import type { ErrorKind, ServingError } from '../../core/errors.ts';
import { Lane } from '../queue/lane.ts';
import type { TaskQueue } from '../queue/task-queue.ts';
import type { Task } from '../task.ts';
import { MAX_RUN_ALONE, MIN_RERUN_ADVANCE_MS, RERUN_ADVANCE_RUNS, RERUN_TIME_SHARE } from '../tuning.ts';
import { Isolation } from './isolation.ts';
import type { RunningBatch } from './running-batch.ts';

/** Two NULs in a row are in no key that is made of names. */
const KEY_MARK = '\0\0isolated ';

/** The values of an input may be the reason, or the reason is unknown. */
function mayBeOfValues(kind: ErrorKind): boolean {
  return kind === 'backend_failed' || kind === 'invalid_request' || kind === 'internal';
}

/**
 * Bounds the worker time that a model spends on runs again, so that a client that only sends bad values costs its
 * neighbours no more than RERUN_TIME_SHARE. Durations in ms. Pure.
 *
 *   owed  ▲ a run again adds its length
 *         │ an answered batch takes off RERUN_TIME_SHARE of its length
 *         └ from the limit on nothing is run again
 *
 * The limit lets the first bad batch after a quiet hour be taken apart, whatever ran before.
 */
export class RerunBudget {
  #owedMs = 0;

  /** Nothing may be run again now. `meanRunMs`: mean of the model's ordinary runs; undefined = none has ended. */
  isSpent(meanRunMs: number | undefined): boolean {
    return this.#owedMs >= Math.max(MIN_RERUN_ADVANCE_MS, RERUN_ADVANCE_RUNS * (meanRunMs ?? 0));
  }

  /** An ordinary batch was answered. */
  onRun(ms: number): void {
    if (this.#owedMs > 0) this.#owedMs = Math.max(0, this.#owedMs - RERUN_TIME_SHARE * ms);
  }

  /** A part of a failed batch has held a slot for so long, whether it failed or not. */
  onRerun(ms: number): void {
    this.#owedMs += ms;
  }
}

export class Isolator {
  readonly #queue: TaskQueue;
  readonly budget = new RerunBudget();
  #lanes = 0;

  constructor(queue: TaskQueue) {
    this.#queue = queue;
  }

  /**
   * The batch's run failed with `error`. True: its members wait to be run again. False: they are to fail with it.
   * `meanRunMs` as for the budget.
   */
  takeApart(running: RunningBatch, error: ServingError, now: Instant, meanRunMs: number | undefined): boolean {
    if (running.record.tasks < 2 || !mayBeOfValues(error.kind)) return false;
    const members = running.wantedMembers();
    if (members.length === 0) return false;
    if (this.budget.isSpent(meanRunMs)) {
      running.record.isolation = 'no_budget';
      return false;
    }
    running.setAside(error.kind, now);
    const { lane } = running;
    const isolation = lane.isolation ?? new Isolation(members, running.takeJudge());
    members.sort((a, b) => a.due - b.due);
    for (const part of partsOf(members)) this.#queueAgain(part, lane, isolation);
    return true;
  }

  #queueAgain(part: readonly Task[], like: Lane, isolation: Isolation): void {
    this.#lanes += 1;
    let rows = 0;
    for (const task of part) rows += task.rows;
    const key = `${like.key}${KEY_MARK}${this.#lanes}`;
    const lane = new Lane(key, like.plan, like.outputs, undefined, like.rowBytes, { isolation, rows });
    for (const task of part) {
      task.group = isolation;
      this.#queue.push(lane, task);
    }
  }
}

function partsOf(members: readonly Task[]): readonly (readonly Task[])[] {
  if (members.length <= MAX_RUN_ALONE) return members.map((member) => [member]);
  const half = Math.ceil(members.length / 2);
  return [members.slice(0, half), members.slice(half)];
}
