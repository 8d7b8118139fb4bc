/**
 * What the runs of one scheduler were like lately: teaches the latency curves, and knows what goes on around a run.
 *
 * All are moving means over about the last ten batches.
 */
import type { Instant } from '../core/clock.ts';
import type { BatchRecord } from '../telemetry/request-record.ts';
import type { SignaturePlan } from './signature-plan.ts';
import type { Task } from './task.ts';

const WEIGHT = 0.1;
/** From the answer's being settled to its last byte handed to the connection: not seen from here. */
const ANSWER_MS = 0.5;
/** How far a single batch may move the mean error: one stall is no news. */
const MAX_ERROR_MS = 30;
/** Silence after which a run counts as a probe, and teaches more: at least this, and ten runs' time. */
const PROBE_AFTER_MS = 100;
const PROBE_AFTER_RUNS = 10;

export class RunStatistics {
  #meanRunMs: number | undefined;
  #aroundMs = 0;
  #startErrorMs = 0;

  /** Mean time that the executor takes for a batch, over the last ones that succeeded; undefined before the first. */
  get meanRunMs(): number | undefined {
    return this.#meanRunMs;
  }

  /** What a batch takes beside its run: copying together, cutting, settling, answering. */
  get overheadMs(): number {
    return ANSWER_MS + this.#aroundMs;
  }

  /** How much later batches start than admission expected, at least 0. */
  get lateStartMs(): number {
    return Math.max(0, this.#startErrorMs);
  }

  /** A batch starts; `head` is its first task. */
  onStart(head: Task, now: Instant): void {
    if (head.expectedStart === 0) return;
    const error = Math.min(MAX_ERROR_MS, Math.max(-MAX_ERROR_MS, now - head.expectedStart));
    this.#startErrorMs += WEIGHT * (error - this.#startErrorMs);
  }

  /** The executor has answered, well. */
  onRun(plan: SignaturePlan, size: number, runMs: number, now: Instant): void {
    this.#meanRunMs = this.#meanRunMs === undefined ? runMs : this.#meanRunMs + WEIGHT * (runMs - this.#meanRunMs);
    plan.curve.learn(Math.max(1, size), runMs, now - runMs - plan.learnedAt >= silenceMs(plan));
    plan.learnedAt = now;
  }

  /** The batch's members are settled. */
  onEnd(record: BatchRecord): void {
    if (record.splitStart === 0) return;
    const aroundMs = record.executeStart - record.batchStart + record.end - record.splitStart;
    this.#aroundMs += WEIGHT * (aroundMs - this.#aroundMs);
  }
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
