/**
 * What the runs of one scheduler were like lately: teaches the latency curves, and knows what goes on around a run.
 *
 * All are moving means over about the last ten batches.
 */
import type { Instant } from '../../core/clock.ts';
import type { BatchRecord } from '../../telemetry/request-record.ts';
import { STAGE_ENCODE, STAGE_SPLIT, type StageClock } from '../../telemetry/stage-clock.ts';
import type { SignaturePlan } from '../signature-plan.ts';
import type { Task } from '../task.ts';

const WEIGHT = 0.1;
/** At least so long an answer is on its way out of the process and into it. */
const LEAST_ANSWER_MS = 0.5;
/**
 * What a batch in time leaves of the reserve; a late one adds its lateness. Measured at twice what can be done, beside
 * a fifth of the lateness and 0.95 kept, ten rounds in turn: 2.8 % of the rows run for nothing instead of 5.0, and of those
 * taken in 0.95 in time instead of 0.88. Half of the lateness with 0.98 kept: 6.5 %, 0.93. With deadlines of 25 and 200 ms
 * at 1.2 x all of it costs 0.02 of the attainment (0.83 instead of 0.85).
 */
const RESERVE_KEEPS = 0.98;
const MOST_RESERVE_MS = 20;
/** Full runs to wait for from which on all of the reserve is kept. Fewer cost requests that can wait for little. */
const RESERVE_RUNS = 3;
/** A loop that is so late is late for everything; and it is seen to be, not guessed. */
const MOST_LOOP_LAG_MS = 100;
/** A request comes somewhere in the time that the loop is busy with other things: halfway, in the mean. */
const LAG_SHARE = 0.5;
/** How far a single batch may move the means: one stall is no news. */
const MOST_LAG_MS = 10;
/** How far a single batch may move the mean error: one stall is no news. */
const MAX_ERROR_MS = 30;
/** Silence after which a run counts as a probe, and teaches more: at least this, and ten runs' time. */
const PROBE_AFTER_MS = 100;
const PROBE_AFTER_RUNS = 10;

export class RunStatistics {
  #meanRunMs: number | undefined;
  #aroundMs = 0;
  #answerMs = 0;
  #lagMs = 0;
  #reserveMs = 0;
  /** Of the last batch's last member: when its answer has left is known by the next batch. */
  #lastAnswered: StageClock | undefined;
  #startErrorMs = 0;

  /** Mean time that the executor takes for a batch, over the last ones that succeeded; undefined before the first. */
  get meanRunMs(): number | undefined {
    return this.#meanRunMs;
  }

  /**
   * What a request takes beside its batch's run: copying together, cutting, settling, until its answer is handed to the
   * connection; and how late the event loop hears of things, for it hears as late of requests: that much of a client's
   * deadline had passed before we saw it.
   */
  get overheadMs(): number {
    return Math.max(LEAST_ANSWER_MS, this.#answerMs) + this.#aroundMs + LAG_SHARE * this.#lagMs;
  }

  /**
   * What admission keeps free beside its forecast for a request that will wait so long for runs that take `runMs` when
   * full: the more has to go as expected before it starts, the more. Grows with each batch whose most pressing answer was
   * late, and shrinks with each that was not. Where nobody is near the deadline it is nothing, and nobody is refused for it.
   */
  reserveMs(waitMs: number, runMs: number): number {
    return this.#reserveMs * Math.min(1, Math.max(0, waitMs) / (RESERVE_RUNS * runMs));
  }

  /** The part of it during which the slot is taken. */
  get aroundMs(): number {
    return this.#aroundMs;
  }

  /** How much later batches start than admission expected; below 0 = earlier. */
  get lateStartMs(): number {
    return this.#startErrorMs;
  }

  /** A batch starts; `head` is its first task. */
  onStart(head: Task, now: Instant): void {
    if (head.expectedStart === 0) return;
    const error = Math.min(MAX_ERROR_MS, Math.max(-MAX_ERROR_MS, now - head.expectedStart));
    this.#startErrorMs += WEIGHT * (error - this.#startErrorMs);
  }

  /** The event loop came so much later to what had happened: a run's end, or the end of a turn that brought requests. */
  onLag(lagMs: number): void {
    this.#lagMs += WEIGHT * (Math.min(MOST_LOOP_LAG_MS, Math.max(0, lagMs)) - this.#lagMs);
  }

  /** The executor has answered, well. */
  onRun(plan: SignaturePlan, size: number, runMs: number, now: Instant, runEnd: Instant | undefined): void {
    if (runEnd !== undefined) this.onLag(now - runEnd);
    this.#meanRunMs = this.#meanRunMs === undefined ? runMs : this.#meanRunMs + WEIGHT * (runMs - this.#meanRunMs);
    plan.curve.learn(Math.max(1, size), runMs, now - runMs - plan.learnedAt >= silenceMs(plan));
    plan.learnedAt = now;
  }

  /** The batch's members are settled. It held its slot since `slotSince`. */
  onEnd(record: BatchRecord, slotSince: Instant, first: Task, last: Task): void {
    if (record.splitStart === 0) return;
    if (!first.isSoft && first.due < Infinity) this.#adjustReserve(record.end + this.overheadMs - first.due);
    const answered = this.#lastAnswered;
    if (answered !== undefined && answered.finishedAt > 0 && answered.has(STAGE_ENCODE)) {
      const answerMs = answered.finishedAt - answered.startOf(STAGE_SPLIT);
      this.#answerMs += WEIGHT * (bounded(answerMs) - this.#answerMs);
    }
    this.#lastAnswered = last.owner.context.stages;
    const aroundMs = record.executeStart - slotSince + record.end - record.splitStart;
    this.#aroundMs += WEIGHT * (aroundMs - this.#aroundMs);
  }

  #adjustReserve(lateMs: number): void {
    if (lateMs > 0) {
      this.#reserveMs = Math.min(MOST_RESERVE_MS, this.#reserveMs + Math.min(lateMs, MOST_LAG_MS));
    } else this.#reserveMs *= RESERVE_KEEPS;
  }
}

function bounded(ms: number): number {
  return Math.min(MOST_LAG_MS, Math.max(0, ms));
}

/**
 * Nothing of the signature has run for so long that what is known of it may be wrong. While everything is refused it
 * would stay wrong: one request is then taken in all the same.
 */
export function isProbeDue(plan: SignaturePlan, now: Instant): boolean {
  return now - Math.max(plan.learnedAt, plan.probedAt) >= silenceMs(plan);
}

function silenceMs(plan: SignaturePlan): number {
  return Math.max(PROBE_AFTER_MS, PROBE_AFTER_RUNS * plan.curve.meanMs(1));
}
