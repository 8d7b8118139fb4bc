/**
 * Holds refusals for overload for as long as answers take, for balancers that send more to whoever answers fast.
 *
 *   refused ─┬ wait ──────────────────▶ answered      arrival + what answers take of late
 *            │                                        at most: the option, the delay to retry after, the deadline
 *            └ no time left, too many held, a drain ─▶ answered at once
 *
 * A balancer by latency (Linkerd's) takes a refusal after 1 ms for an answer after 1 ms, and one by open requests finds
 * a server that refuses always free. Held until an answer would have come, a refusal looks like one to both.
 *
 * Of a held refusal only its exchange is kept: its body, its share of the memory and its caller's quota are given back.
 * It is held only once its body has come.
 */
import type { Clock, Instant } from '../core/clock.ts';
import { DenseSet, type DenseSetMember } from '../core/collections/dense-set.ts';
import type { DeadlineEntry, DeadlineTimer } from '../core/deadline-timer.ts';
import type { ServingError } from '../core/errors.ts';
import { envoyMark } from './refusal-headers.ts';

/** Weight of the newest answer in the moving average of answers' times. */
const ANSWER_WEIGHT = 0.1;
/** A caller whose deadline passes first would never see the refusal. */
const DEADLINE_MARGIN_MS = 10;
/** Refusals beyond this number are answered at once: each that is held holds a stream or a connection. */
const MOST_HELD = 1024;

export interface RefusalHoldOptions {
  readonly clock: Clock;
  readonly deadlines: DeadlineTimer;
  /** Longest that a refusal is held, from the request's arrival on. */
  readonly mostMs: number;
  readonly mostHeld?: number;
}

/** The times of a request that bound how long its refusal is held. */
interface RefusedRequest {
  readonly startedAt: Instant;
  readonly deadline: Instant;
}

/** A refusal that waits. */
export interface Held extends DenseSetMember {
  /** Answers it now. */
  end(): void;
  /** It is answered otherwise. Has no effect once it has ended. */
  leave(): void;
}

export class RefusalHold {
  readonly #options: RefusalHoldOptions;
  readonly #held = new DenseSet<Held>();
  #answerMs = 0;
  #isEnding = false;

  constructor(options: RefusalHoldOptions) {
    this.#options = options;
  }

  /** Refusals that wait. */
  get size(): number {
    return this.#held.size;
  }

  /** A model's answer has taken so long, from the arrival of its request on. */
  noteAnswer(ms: number): void {
    this.#answerMs = this.#answerMs === 0 ? ms : this.#answerMs + ANSWER_WEIGHT * (ms - this.#answerMs);
  }

  /** Calls `answer` once, when the refusal is due; undefined: answer at once. */
  hold(error: ServingError, request: RefusedRequest, answer: () => void): Held | undefined {
    const { deadlines, mostHeld = MOST_HELD } = this.#options;
    if (this.#isEnding || this.#held.size >= mostHeld || envoyMark(error) !== 'x-envoy-overloaded') return undefined;
    const due = this.#dueAt(error, request);
    if (due === undefined) return undefined;
    let entry: DeadlineEntry;
    const leave = (): void => {
      this.#held.remove(held);
      deadlines.remove(entry);
    };
    const end = (): void => {
      leave();
      answer();
    };
    const held: Held = { end, leave, setIndex: -1 };
    entry = deadlines.add(due, end);
    this.#held.add(held);
    return held;
  }

  /** Begins a drain: answers the refusals that wait; from now on none is held. */
  end(): void {
    this.#isEnding = true;
    for (const held of this.#held.toArray()) held.end();
  }

  #dueAt({ retryAfterMs = Infinity }: ServingError, { startedAt, deadline }: RefusedRequest): Instant | undefined {
    const now = this.#options.clock.nowMs();
    const due = Math.min(
      startedAt + Math.min(this.#answerMs, this.#options.mostMs),
      now + retryAfterMs,
      deadline - DEADLINE_MARGIN_MS,
    );
    return due > now ? due : undefined;
  }
}
