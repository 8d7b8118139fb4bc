/**
 * One budget for the memory of all requests in flight, on every surface, and what is refused when it runs short.
 *
 *   bodies        received, inflated: charged by `hold` from ACCOUNTED_FROM_BYTES on, until `release`
 *   inputs        decoded, of requests that wait or run: counted by the scheduler
 *   unsent        answers that their clients have not taken: counted by the transports
 *   kept          between requests, by models (models/memory/kept-memory.ts): at most KEPT_SHARE of the budget
 *
 * The pressure is the larger of
 *
 *   accounted bytes ÷ budget
 *   memory that the process's group cannot reclaim ÷ its limit
 *
 *   0 ───────────────────── 0.8 ───────────────────────────── 0.95 ───────────── 1
 *        all are taken       bodies are refused by their size,  every request is refused,
 *                            the largest first                  but not health and status
 *
 * A body that finds no room takes the place of kept answers, and then of a larger one that still arrives: that one is
 * shed. So who sends little is refused last, however much others hold.
 *
 * Memory that is not held by requests (models, garbage) counts for the second term, but nothing is gained by refusing
 * small requests for it: alone it refuses bodies by size, never everything. It does not count at all while
 * PLENTY_OF_BODIES of the largest size would still fit.
 *
 * The class reads no clock and no file: `observe` tells it about the machine, once a second.
 */
import { ServingError } from '../core/errors.ts';
import { UnsentBytes } from '../core/unsent-bytes.ts';
import { MessageMemory } from './message-memory.ts';

/** Smaller bodies are not charged: there are many of them, and they are gone at once. */
export const ACCOUNTED_FROM_BYTES = 64 * 1024;

const REFUSE_LARGE_AT = 0.8;
const REFUSE_ALL_AT = 0.95;
/** An action that has begun ends this far below its threshold, so that the log does not flutter. */
const HYSTERESIS = 0.05;
/** The most that memory which no request holds may count: with it alone in use, not all requests are refused. */
const MOST_BY_OTHERS = REFUSE_ALL_AT - 0.001;
/** A larger body is refused at the upper threshold. */
const SMALL_BODY_BYTES = 16 * 1024;
const PLENTY_OF_BODIES = 16;
/** The part of the memory beside the models that requests get: copies and garbage take about as much again. */
const REQUESTS_SHARE = 1 / 2;
const LEAST_SHARE_OF_LIMIT = 1 / 16;
const UNSENT_SHARE = 1 / 4;
const KEPT_SHARE = 1 / 2;
/** Quiet seconds, of which the one with the least memory in use counts. */
const REST_SAMPLES = 10;
const RETRY_AFTER_MS = 1000;
const MIB = 2 ** 20;

/** One request, which is charged for its body. Only the budget writes `heldBytes`. */
export interface MemoryHolder {
  heldBytes: number;
  /** Ends the request with this error, while its body arrives, and releases it. */
  shed(error: ServingError): void;
}

/** The memory of the process's group. */
export interface GroupMemory {
  readonly limitBytes: number;
  /** Bytes that may still be taken before the limit; pages of files count as free. */
  readonly freeBytes: number;
}

/** The bytes that models keep between requests. */
export interface KeptBytes {
  readonly bytes: number;
  limitBytes: number;
  /** Gives up what can be made again, of at least so many bytes, as far as there is so much. */
  giveUp(bytes: number): void;
}

export type OverloadAction = 'refuse_large' | 'refuse_all';
export type OverloadReason = 'body_size' | 'shed' | 'memory_full';

export interface MemoryBudgetOptions {
  readonly maxMessageBytes: number;
  /** A fixed budget; undefined = by `observe`, and none before the first. */
  readonly budgetBytes?: number | undefined;
  /** Decoded inputs of requests that wait or run. */
  readonly inputs?: { readonly requestBytes: number };
  /** Its limit follows the budget. */
  readonly kept?: KeptBytes;
  readonly onAction?: (action: OverloadAction, isOn: boolean) => void;
  readonly onRefused?: (reason: OverloadReason) => void;
}

const NO_INPUTS = { requestBytes: 0 };
const NOTHING_KEPT = { bytes: 0, limitBytes: 0, giveUp: () => undefined };

export class MemoryBudget {
  readonly unsent = new UnsentBytes();
  /** Blocks of large messages on every surface, used again. Those that are kept are given back after a peak. */
  readonly messages = new MessageMemory();
  /** Bytes of bodies that are charged. */
  bodyBytes = 0;
  budgetBytes: number;
  readonly #options: MemoryBudgetOptions;
  readonly #inputs: { readonly requestBytes: number };
  readonly #kept: KeptBytes;
  /** Bodies that still arrive or are inflated: these can be shed. */
  readonly #arriving = new Set<MemoryHolder>();
  readonly #rests: number[] = [];
  #peakBytes = 0;
  #limitBytes = Infinity;
  /** Bytes in use beside the accounted ones, when last observed. */
  #otherBytes = 0;
  readonly #isOn: Record<OverloadAction, boolean> = { refuse_large: false, refuse_all: false };

  constructor(options: MemoryBudgetOptions = { maxMessageBytes: Infinity }) {
    this.#options = options;
    this.#inputs = options.inputs ?? NO_INPUTS;
    this.#kept = options.kept ?? { ...NOTHING_KEPT };
    this.budgetBytes = options.budgetBytes ?? Infinity;
    this.#share();
  }

  /** All bytes that requests hold. */
  get requestBytes(): number {
    return this.bodyBytes + this.#inputs.requestBytes + this.unsent.bytes;
  }

  /** All bytes that count against the budget: what requests hold, and what is kept between them. */
  get heldBytes(): number {
    return this.requestBytes + this.#kept.bytes;
  }

  /** 0 = idle; may be above 1. */
  get pressure(): number {
    return this.#pressureWith(0);
  }

  /** Every request is to be refused, unless `makeRoom` helps: three additions and a comparison, asked for each request. */
  get isFull(): boolean {
    return this.heldBytes >= this.budgetBytes * REFUSE_ALL_AT;
  }

  /**
   * Charges `holder` for `bytes` in place of what it was charged for before. `announced`: the size that its body is to
   * have, if known. Returns why the body must be refused; nothing is charged then, and the caller ends the request.
   */
  hold(holder: MemoryHolder, bytes: number, announced = 0): ServingError | undefined {
    const more = bytes - holder.heldBytes;
    const size = Math.max(bytes, announced);
    if (more > 0 && !this.#mayTake(more, size) && !this.#makeRoomFor(more, size)) return this.#refuseBody(size);
    if (holder.heldBytes === 0) this.#arriving.add(holder);
    this.bodyBytes += more;
    holder.heldBytes = bytes;
    this.#peakBytes = Math.max(this.#peakBytes, this.requestBytes);
    return undefined;
  }

  /** The body is whole: it stays charged, and can no longer be shed. */
  arrived(holder: MemoryHolder): void {
    this.#arriving.delete(holder);
  }

  /** The request has ended. A second call has no effect. */
  release(holder: MemoryHolder): void {
    this.#arriving.delete(holder);
    this.bodyBytes -= holder.heldBytes;
    holder.heldBytes = 0;
  }

  /** Call it when `isFull`: gives up kept answers and sheds bodies that arrive. Returns the refusal if that is not enough. */
  makeRoom(): ServingError | undefined {
    this.#kept.giveUp(this.heldBytes - this.budgetBytes * REFUSE_LARGE_AT);
    while (this.isFull && this.#shedOne(ACCOUNTED_FROM_BYTES));
    if (!this.isFull) return undefined;
    this.#setAction('refuse_all', true);
    this.#options.onRefused?.('memory_full');
    const text = `the server is out of memory for requests: ${this.#words()}; retry later, or send to another replica`;
    return overloaded(text);
  }

  /** The most that requests have held when a body grew, since the last call. */
  takePeak(): number {
    const peak = this.#peakBytes;
    this.#peakBytes = 0;
    return peak;
  }

  /** Call it once a second, with what the machine says now; undefined if it says nothing. */
  observe(memory: GroupMemory | undefined): void {
    if (memory !== undefined) {
      const held = this.heldBytes;
      this.#limitBytes = memory.limitBytes;
      this.#otherBytes = Math.max(0, memory.limitBytes - memory.freeBytes - held);
      if (this.#options.budgetBytes === undefined) this.#resize(this.requestBytes);
    }
    const { pressure } = this;
    this.#setAction('refuse_large', pressure >= REFUSE_LARGE_AT - (this.#isOn.refuse_large ? HYSTERESIS : 0));
    this.#setAction('refuse_all', this.#isOn.refuse_all && pressure >= REFUSE_ALL_AT - HYSTERESIS);
  }

  /** While much is held, what is in use beside it are copies of it: only quiet seconds tell what the models take. */
  #resize(requestBytes: number): void {
    if (this.budgetBytes !== Infinity && requestBytes * 16 > this.budgetBytes) return;
    if (this.#rests.push(this.#otherBytes) > REST_SAMPLES) this.#rests.shift();
    const free = this.#limitBytes - Math.min(...this.#rests);
    this.budgetBytes = Math.max(free * REQUESTS_SHARE, this.#limitBytes * LEAST_SHARE_OF_LIMIT);
    this.#share();
  }

  #share(): void {
    this.unsent.limit = this.budgetBytes * UNSENT_SHARE;
    this.#kept.limitBytes = this.budgetBytes * KEPT_SHARE;
    // The budget may have become smaller.
    this.#kept.giveUp(this.#kept.bytes - this.#kept.limitBytes);
  }

  #pressureWith(more: number): number {
    const held = this.heldBytes + more;
    const own = held / this.budgetBytes;
    const used = this.#otherBytes + held;
    if (this.#limitBytes - used > PLENTY_OF_BODIES * this.#options.maxMessageBytes) return own;
    return Math.max(own, Math.min(used / this.#limitBytes, MOST_BY_OTHERS));
  }

  #mayTake(more: number, size: number): boolean {
    const pressure = this.#pressureWith(more);
    return pressure < REFUSE_LARGE_AT || size <= this.#largestAt(pressure);
  }

  /** The largest body that is taken at this pressure: it falls linearly between the two thresholds. */
  #largestAt(pressure: number): number {
    const left = Math.max(0, (REFUSE_ALL_AT - pressure) / (REFUSE_ALL_AT - REFUSE_LARGE_AT));
    return Math.max(SMALL_BODY_BYTES, left * this.#options.maxMessageBytes);
  }

  #makeRoomFor(more: number, size: number): boolean {
    this.#kept.giveUp(this.heldBytes + more - this.budgetBytes * REFUSE_LARGE_AT);
    return this.#mayTake(more, size) || this.#shedFor(more, size);
  }

  /** Sheds larger bodies until one of `size` may take `more`. Returns whether it may. */
  #shedFor(more: number, size: number): boolean {
    while (this.#shedOne(size)) if (this.#mayTake(more, size)) return true;
    return false;
  }

  /** Ends the largest arriving body above `size`. Returns false if there is none. */
  #shedOne(size: number): boolean {
    let largest: MemoryHolder | undefined;
    for (const each of this.#arriving) if (each.heldBytes > (largest?.heldBytes ?? size)) largest = each;
    if (largest === undefined) return false;
    this.#options.onRefused?.('shed');
    const room = `its ${mib(largest.heldBytes)} MiB had to make room for smaller requests`;
    this.#arriving.delete(largest);
    largest.shed(overloaded(`the body was given up while it arrived: ${room}; send fewer rows, or retry later`));
    this.release(largest);
    return true;
  }

  #refuseBody(size: number): ServingError {
    this.#setAction('refuse_large', true);
    this.#options.onRefused?.('body_size');
    const text = `the server is short of memory and takes no body of ${mib(size)} MiB now: ${this.#words()}`;
    return overloaded(`${text}; send fewer rows, retry later, or send to another replica`);
  }

  #words(): string {
    const kept = this.#kept.bytes === 0 ? '' : ` and sequences ${mib(this.#kept.bytes)}`;
    return `requests hold ${mib(this.requestBytes)}${kept} of ${mib(this.budgetBytes)} MiB`;
  }

  #setAction(action: OverloadAction, isOn: boolean): void {
    if (this.#isOn[action] === isOn) return;
    this.#isOn[action] = isOn;
    this.#options.onAction?.(action, isOn);
  }
}

function overloaded(text: string): ServingError {
  return new ServingError('overloaded', text, {
    retryAfterMs: RETRY_AFTER_MS,
    attributes: { reason: 'memory' },
  });
}

/** MiB with one decimal. */
function mib(bytes: number): string {
  return (bytes / MIB).toFixed(1);
}
