/**
 * Finds out whether a runtime that has failed still works: it runs a known good request (known-good.ts). If that is
 * answered, the values of the failed request are at fault; if it fails too, the runtime is.
 *
 *   a run fails ─▶ ask ─┬─ a run was answered just now ──────────▶ alive      (where that is enough)
 *                       ├─ a known good request failed just now ─▶ failed
 *                       ├─ one is running ──────────────────────▶ its verdict
 *                       └─ else: run one, as a task in the queue ─▶ alive │ failed
 *                          └ none is known ─────────────────────▶ unknown
 *
 * The run is a task like others: it waits for a slot, in a lane of its own, before all else that waits. There is one at
 * a time for each signature, and after a verdict none for VERDICT_MS, except for a caller that is not known to send bad
 * values: its request is judged by a run that ends after the failure.
 */
import { CancelSignal } from '../../core/cancel.ts';
import type { Clock, Instant } from '../../core/clock.ts';
import type { ServingError } from '../../core/errors.ts';
import type { Signature } from '../../core/signature.ts';
import { trialZeros } from '../../core/trial-inputs.ts';
import { StageClock } from '../../ledger/stage-clock.ts';
import { Lane, type RerunGroup } from '../queue/lane.ts';
import type { TaskQueue } from '../queue/task-queue.ts';
import type { SignaturePlan } from '../signature-plan.ts';
import { NO_FORECAST, Task, type TaskContext, type TaskOwner } from '../task.ts';
import { VERDICT_MS } from '../tuning.ts';
import { GoodRequest, type Verdict } from './known-good.ts';

export interface Question {
  /** The failed run's. */
  readonly plan: SignaturePlan;
  /** Only a run that ends after now will do. */
  readonly isStrict: boolean;
  /** Zeros of the signature's shapes may be run as long as no request has been answered. */
  readonly mayMakeUp: boolean;
}

/** Two NULs in a row are in no key that is made of names. */
const KEY = '\0\0known good ';

export class Judge {
  readonly #queue: TaskQueue;
  readonly #clock: Clock;
  readonly #trials = new Map<SignaturePlan, Trial>();

  constructor(queue: TaskQueue, clock: Clock) {
    this.#queue = queue;
    this.#clock = clock;
  }

  /** Calls `onVerdict` once: now, or when a run has ended. */
  ask({ plan, isStrict, mayMakeUp }: Question, onVerdict: (verdict: Verdict) => void): void {
    const { good } = plan;
    const since = this.#clock.nowMs() - VERDICT_MS;
    const running = this.#trials.get(plan);
    if (good.failedAt >= since && good.failedAt > good.aliveAt) onVerdict('failed');
    else if (!isStrict && good.aliveAt >= since) onVerdict('alive');
    else if (running !== undefined) running.waiting.push(onVerdict);
    else {
      const request = good.request ?? (mayMakeUp ? madeUp(plan.signature) : undefined);
      if (request === undefined) onVerdict('unknown');
      else this.#try(plan, request, onVerdict);
    }
  }

  #try(plan: SignaturePlan, request: GoodRequest, onVerdict: (verdict: Verdict) => void): void {
    const now = this.#clock.nowMs();
    const trial = new Trial(now, (verdict) => {
      this.#trials.delete(plan);
      return plan.good.onTried(request, verdict, this.#clock.nowMs());
    });
    trial.waiting.push(onVerdict);
    this.#trials.set(plan, trial);
    const { rows, outputs } = request;
    const lane = new Lane(KEY + plan.name, plan, outputs, plan.isWhole ? 1 : undefined, 0, { group: trial, rows });
    // Soft: it is never shed, and what it is due at goes before all that came later.
    const at = { enqueuedAt: now, due: now, order: now };
    const times = { ...at, isFirst: false, isSoft: true, ...NO_FORECAST };
    this.#queue.push(lane, new Task(trial, 0, rows, request.inputs(), times));
  }
}

/** A run of a known good request. */
class Trial implements TaskOwner, RerunGroup {
  readonly context: TaskContext;
  readonly isTrial = true;
  readonly hasAnswered = false;
  readonly isCut = false;
  readonly holding = undefined;
  isSettled = false;
  readonly waiting: ((verdict: Verdict) => void)[] = [];
  readonly #onEnd: (verdict: Verdict) => Verdict;

  /** @param onEnd gets what the run shows, and returns what that proves */
  constructor(now: Instant, onEnd: (verdict: Verdict) => Verdict) {
    this.#onEnd = onEnd;
    this.context = {
      deadline: Infinity,
      cancel: new CancelSignal(),
      stages: new StageClock(now),
      trace: undefined,
      batch: undefined,
      note: () => undefined,
    };
  }

  complete(): void {
    this.#settle('alive');
  }

  /** Any other failure says nothing of the runtime: its worker died, or it has not run. */
  fail({ kind }: ServingError): void {
    this.#settle(kind === 'backend_failed' || kind === 'internal' ? 'failed' : 'unknown');
  }

  enter(): void {}

  /** It is alone in its run, whose outputs need not be divided. */
  runWhole(): void {}

  moveTo(): void {}

  onAnswered(): void {}

  onFault(): void {}

  onUnexplained(): void {}

  onRerun(): void {}

  onMemberSettled(): void {}

  #settle(shown: Verdict): void {
    if (this.isSettled) return;
    this.isSettled = true;
    const verdict = this.#onEnd(shown);
    for (const tell of this.waiting) tell(verdict);
  }
}

/** The first request of all: any that is answered proves that the runtime works. Undefined: it would be too large. */
function madeUp({ inputs, outputs, batchAxis }: Signature): GoodRequest | undefined {
  const rows = batchAxis.kind === 'fixed' ? batchAxis.size : 1;
  const tensors = trialZeros(inputs);
  if (tensors === undefined) return undefined;
  const request = new GoodRequest(tensors, [...outputs.keys()], rows);
  request.isProven = false;
  return request;
}
