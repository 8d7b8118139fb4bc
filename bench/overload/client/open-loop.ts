/**
 * Sends a plan's requests at their intended instants, whether or not earlier ones were answered, and takes some back.
 *
 * A timer wakes it every ms or so; all that is due then goes out in one write a connection. A request that the server's
 * flow control or number of streams forbids to send stays first in line and is counted as held: that is the server's
 * doing and not lateness of ours. A request's timeout is what is left of its objective when it is sent, so that the
 * deadline is the intended one however late we are.
 */
import process from 'node:process';
import { percentile } from '../figures.ts';
import { emptyOutcomes, Outcome, type Outcomes, outcomeOf } from '../outcomes.ts';
import type { RequestPlan } from '../request-plan.ts';
import { ConnectionPool, messageIndex, type PoolTarget, type SentCall } from './connection-pool.ts';

export interface OpenLoopResult {
  readonly outcomes: Outcomes;
  /** Requests that had to wait for the server's leave to be sent. */
  readonly held: number;
  /**
   * Milliseconds from the intended instant of a request to its writing to the socket, without requests that were held.
   */
  readonly latenessMs: { readonly p50: number; readonly p99: number; readonly max: number };
  /** CPU of this process a request, in µs. */
  readonly cpuMicrosEach: number;
  /** Answers of another length than the first one's: wrong answers. */
  readonly misshapen: number;
}

/** The time before the first instant, in which timers are armed and connections are warm. */
const HEAD_START_MS = 20;
/** The time after the last deadline for answers that come late. */
const GRACE_MS = 1500;
/** A lost connection is seen within this. */
const MAX_SLEEP_MS = 50;
const NOT_SENT: SentCall = { connection: -1, stream: -1 };

export class OpenLoop {
  readonly #plan: RequestPlan;
  readonly #outcomes: Outcomes;
  readonly #calls: SentCall[];
  readonly #isHeld: Uint8Array;
  /** Requests that will be taken back, by when. */
  readonly #cancels: Uint32Array;
  #pool!: ConnectionPool;
  #target!: PoolTarget;
  /** Our time at the plan's 0. */
  #zero = 0;
  #next = 0;
  #nextCancel = 0;
  /** Requests before it that were not sent have been marked as held. */
  #heldUntil = 0;
  #misshapen = 0;
  #wake: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(plan: RequestPlan) {
    this.#plan = plan;
    this.#outcomes = emptyOutcomes(plan.count);
    this.#calls = new Array<SentCall>(plan.count).fill(NOT_SENT);
    this.#isHeld = new Uint8Array(plan.count);
    const cancelled = Array.from({ length: plan.count }, (_, i) => i).filter((i) => plan.cancelAt[i] !== Infinity);
    this.#cancels = Uint32Array.from(cancelled.sort((a, b) => plan.cancelAt[a]! - plan.cancelAt[b]!));
  }

  /** @param onStart is told when the plan's 0 will be, on performance.now()'s time */
  async run(target: PoolTarget, onStart: (zeroAt: number) => void = () => undefined): Promise<OpenLoopResult> {
    this.#target = target;
    this.#pool = await ConnectionPool.open(target, (token, status, bytes, at) => this.#ended(token, status, bytes, at));
    const cpu = process.cpuUsage();
    this.#zero = performance.now() + HEAD_START_MS + this.#plan.leadInMs;
    onStart(this.#zero);
    const givenUpAt = this.#lastDeadline() + GRACE_MS;
    await new Promise<void>((resolve) => this.#goOn(givenUpAt, resolve));
    const used = process.cpuUsage(cpu);
    const { failure } = this.#pool;
    this.#pool.close();
    if (failure !== undefined) throw failure;
    return this.#result((used.user + used.system) / Math.max(1, this.#plan.count));
  }

  #messageOf(i: number): number {
    return messageIndex(this.#target, this.#plan.stream[i]!, this.#plan.model[i]!);
  }

  #now(): number {
    return performance.now() - this.#zero;
  }

  #lastDeadline(): number {
    let last = 0;
    for (let i = 0; i < this.#plan.count; i++) last = Math.max(last, this.#plan.at[i]! + this.#plan.objectiveMs[i]!);
    return last;
  }

  #isOver(givenUpAt: number): boolean {
    if (this.#pool.failure !== undefined) return true;
    if (this.#now() > givenUpAt) return true;
    return this.#next >= this.#plan.count && this.#pool.openCalls === 0 && this.#now() >= this.#plan.lengthMs;
  }

  #pump(): void {
    const now = this.#now();
    const plan = this.#plan;
    while (this.#next < plan.count && plan.at[this.#next]! <= now) {
      if (!this.#send(this.#next, now)) {
        this.#holdDue(now);
        break;
      }
      this.#next += 1;
    }
    while (this.#nextCancel < this.#cancels.length) {
      const i = this.#cancels[this.#nextCancel]!;
      if (plan.cancelAt[i]! > now) break;
      this.#nextCancel += 1;
      this.#cancel(i, now);
    }
    this.#pool.flush();
  }

  /** False: it has to wait. */
  #send(i: number, now: number): boolean {
    const plan = this.#plan;
    if (this.#outcomes.kind[i] === Outcome.CANCELLED) return true;
    const call = this.#pool.send(this.#messageOf(i), plan.at[i]! + plan.objectiveMs[i]! - now, i);
    if (call === undefined) return false;
    this.#calls[i] = call;
    this.#outcomes.sentAt[i] = now;
    return true;
  }

  /** The first in line cannot be sent: it and all that are due behind it wait for the server. */
  #holdDue(now: number): void {
    this.#heldUntil = Math.max(this.#heldUntil, this.#next);
    for (; this.#plan.at[this.#heldUntil]! <= now; this.#heldUntil++) this.#isHeld[this.#heldUntil] = 1;
  }

  #cancel(i: number, now: number): void {
    const call = this.#calls[i]!;
    // Not sent yet, and never will be; or ended before.
    if (call === NOT_SENT ? this.#outcomes.kind[i] !== Outcome.LOST : !this.#pool.cancel(call)) return;
    this.#outcomes.kind[i] = Outcome.CANCELLED;
    this.#outcomes.endedAt[i] = now;
  }

  #ended(token: number, status: number, dataBytes: number, at: number): void {
    const kind = outcomeOf(status);
    this.#outcomes.kind[token] = kind;
    this.#outcomes.endedAt[token] = at - this.#zero;
    if (kind === Outcome.ANSWERED && dataBytes !== this.#pool.answerBytes[this.#messageOf(token)]) this.#misshapen += 1;
    // Nothing else would wake us at the end before the grace is over.
    if (this.#next >= this.#plan.count && this.#pool.openCalls === 0) this.#wake?.();
  }

  /** Sends what is due, and comes again when something is, or after a ms at least: a finer timer would cost a core. */
  #goOn(givenUpAt: number, resolve: () => void): void {
    clearTimeout(this.#timer);
    this.#wake = undefined;
    if (this.#isOver(givenUpAt)) {
      resolve();
      return;
    }
    this.#pump();
    const now = this.#now();
    const nextAt = this.#plan.at[this.#next] ?? Infinity;
    const nextCancelAt = this.#plan.cancelAt[this.#cancels[this.#nextCancel] ?? -1] ?? Infinity;
    const delay = Math.min(MAX_SLEEP_MS, Math.max(1, Math.floor(Math.min(nextAt, nextCancelAt) - now)));
    this.#wake = () => this.#goOn(givenUpAt, resolve);
    this.#timer = setTimeout(this.#wake, delay);
  }

  #result(cpuMicrosEach: number): OpenLoopResult {
    const lateness: number[] = [];
    let held = 0;
    for (let i = 0; i < this.#plan.count; i++) {
      if (this.#isHeld[i] === 1) held += 1;
      else if (!Number.isNaN(this.#outcomes.sentAt[i]!)) lateness.push(this.#outcomes.sentAt[i]! - this.#plan.at[i]!);
    }
    const sorted = Float64Array.from(lateness).sort();
    const latenessMs = {
      p50: percentile(sorted, 0.5),
      p99: percentile(sorted, 0.99),
      max: sorted[sorted.length - 1] ?? 0,
    };
    return { outcomes: this.#outcomes, held, latenessMs, cpuMicrosEach, misshapen: this.#misshapen };
  }
}
