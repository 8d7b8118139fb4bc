/**
 * Moving means of one scheduler's batches: how long runs take, the overhead beside a run, and how wrong forecasts were.
 * Each run also teaches the latency curve of its signature.
 */
import type { Instant } from '../../core/clock.ts';
import type { BatchRecord } from '../../ledger/request-record.ts';
import { STAGE_ENCODE, STAGE_SPLIT, type StageClock } from '../../ledger/stage-clock.ts';
import type { SignaturePlan } from '../signature-plan.ts';
import type { Task } from '../task.ts';
import {
  LOOP_LAG_SHARE,
  MAX_ANSWER_SAMPLE_MS,
  MAX_LOOP_LAG_MS,
  MEAN_WEIGHT,
  MIN_ANSWER_MS,
  MIN_PROBE_SILENCE_MS,
  PROBE_SILENCE_RUNS,
} from '../tuning.ts';

/** A run that has ended. */
export interface SucceededRun {
  readonly size: number;
  /** The length of its rows; 0 where the signature has none. */
  readonly length: number;
  readonly threads: number;
  /** How many other runs were in progress on the shared cores meanwhile (`CoreSlots.besideOf`). */
  readonly beside: number;
  readonly runMs: number;
  /** When the runtime ended, if the host knows. */
  readonly runEnd: Instant | undefined;
}

export class RunStatistics {
  #meanRunMs: number | undefined;
  #aroundMs = 0;
  #answerMs = 0;
  #lagMs = 0;
  /** The stages of the last batch's last member: when its answer was sent is known at the end of the next batch. */
  #lastAnswered: StageClock | undefined;

  /** Mean time that the executor takes for a batch that succeeds; undefined before the first. */
  get meanRunMs(): number | undefined {
    return this.#meanRunMs;
  }

  /**
   * The time that a request takes beside its batch's run: assembly, cutting, settling, and encoding until its answer is
   * given to the connection. The delay of the event loop counts too: as much of a client's deadline has passed before
   * the request is read.
   */
  get overheadMs(): number {
    return Math.max(MIN_ANSWER_MS, this.#answerMs) + this.#aroundMs + LOOP_LAG_SHARE * this.#lagMs;
  }

  /** The part of `overheadMs` during which the slot is taken. */
  get aroundMs(): number {
    return this.#aroundMs;
  }

  /** The event loop noticed something (a run's end, or the end of a turn that brought requests) `lagMs` late. */
  onLag(lagMs: number): void {
    this.#lagMs += MEAN_WEIGHT * (Math.min(MAX_LOOP_LAG_MS, Math.max(0, lagMs)) - this.#lagMs);
  }

  /** A run succeeded. */
  onRun(plan: SignaturePlan, { size, length, threads, beside, runMs, runEnd }: SucceededRun, now: Instant): void {
    if (runEnd !== undefined) this.onLag(now - runEnd);
    const mean = this.#meanRunMs;
    this.#meanRunMs = mean === undefined ? runMs : mean + MEAN_WEIGHT * (runMs - mean);
    const isProbe = now - runMs - plan.learnedAt >= silenceMs(plan);
    plan.curve.learn(threads, Math.max(1, size), length, runMs, isProbe, beside);
    plan.learnedAt = now;
  }

  /** The batch's members have settled. It held its slot since `slotSince`, and had `room` as RunningBatch.room. */
  onEnd(record: BatchRecord, plan: SignaturePlan, slotSince: Instant, members: readonly Task[], room = 0): void {
    if (record.splitStart === 0) return;
    const answeredAt = record.end + Math.max(MIN_ANSWER_MS, this.#answerMs);
    this.#learnMargins(plan, members, answeredAt);
    const { curve, maxBatchSize, refused } = plan;
    if (room > 0) refused.onRoom(room, record.batchStart, answeredAt, curve.meanMs(maxBatchSize), maxBatchSize);
    const answered = this.#lastAnswered;
    if (answered !== undefined && answered.finishedAt > 0 && answered.has(STAGE_ENCODE)) {
      const answerMs = answered.finishedAt - answered.startOf(STAGE_SPLIT);
      const sample = Math.min(MAX_ANSWER_SAMPLE_MS, Math.max(0, answerMs));
      this.#answerMs += MEAN_WEIGHT * (sample - this.#answerMs);
    }
    this.#lastAnswered = members[members.length - 1]!.owner.context.stages;
    const aroundMs = record.executeStart - slotSince + record.end - record.splitStart;
    this.#aroundMs += MEAN_WEIGHT * (aroundMs - this.#aroundMs);
  }

  #learnMargins({ curve, maxBatchSize }: SignaturePlan, members: readonly Task[], answeredAt: Instant): void {
    const fullMs = curve.meanMs(maxBatchSize);
    for (const { isSoft, due, margin, refusedDue, rows } of members) {
      if (isSoft || margin === undefined) continue;
      if (answeredAt > due) margin.onLate(rows, fullMs, maxBatchSize);
      else if (answeredAt <= refusedDue) margin.onFalseRefusal(rows, fullMs, maxBatchSize);
    }
  }
}

/**
 * Nothing of the signature has run for so long that its curve may be wrong. If every request were refused, the curve
 * would stay wrong; so one request is admitted in any case.
 */
export function isProbeDue(plan: SignaturePlan, now: Instant): boolean {
  return now - Math.max(plan.learnedAt, plan.probedAt) >= silenceMs(plan);
}

function silenceMs(plan: SignaturePlan): number {
  return Math.max(MIN_PROBE_SILENCE_MS, PROBE_SILENCE_RUNS * plan.curve.meanMs(1));
}
