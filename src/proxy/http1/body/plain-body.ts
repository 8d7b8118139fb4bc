/**
 * The body of a plain request that comes in several reads, in one block of memory that is used again. What it holds is
 * charged to the request (proxy/memory-budget.ts), and one that comes too slowly is given up (proxy/body-pace.ts).
 */
import type { Buffer } from 'node:buffer';
import type { Clock, TimerHandle } from '../../../core/clock.ts';
import type { ServingError } from '../../../core/errors.ts';
import { ArrivingMessage } from '../../arriving-message.ts';
import type { WatchedBody } from '../../body-pace.ts';
import { ACCOUNTED_FROM_BYTES, type MemoryHolder } from '../../memory-budget.ts';
import { lateBody } from '../http-errors.ts';
import { REQUEST_TIMEOUT_MS } from '../rest-listener.ts';
import type { BodyContext } from './body-reader.ts';

/** Shared by the bodies of one server. */
export interface PlainBodyContext extends BodyContext {
  readonly clock: Clock;
}

export class PlainBody implements WatchedBody {
  receivedBytes = 0;
  readonly length: number;
  readonly #shared: PlainBodyContext;
  /** Undefined before `read`, and when nothing of the body is wanted any more. */
  #message: ArrivingMessage | undefined;
  #whole: Buffer | undefined;
  #owner: MemoryHolder | undefined;
  #timer: TimerHandle | undefined;
  #resolve: (whole: Buffer) => void = () => undefined;
  #reject: (error: ServingError) => void = () => undefined;

  constructor(length: number, shared: PlainBodyContext) {
    this.length = length;
    this.#shared = shared;
  }

  /** Bytes that are still to come. */
  get missingBytes(): number {
    return this.length - this.receivedBytes;
  }

  /** Call it before anything is pushed. Throws ServingError if there is no memory for it; rejects with ServingError. */
  read(owner: MemoryHolder): Promise<Buffer> {
    const { memory, watch, clock } = this.#shared;
    const isLarge = this.length > ACCOUNTED_FROM_BYTES;
    const refusal = isLarge ? memory.hold(owner, ACCOUNTED_FROM_BYTES, this.length) : undefined;
    if (refusal !== undefined) throw refusal;
    this.#owner = owner;
    this.#message = new ArrivingMessage(this.length, memory.messages);
    watch.add(this);
    this.#timer = clock.setTimer(clock.nowMs() + REQUEST_TIMEOUT_MS, () => this.onSlow(lateBody()));
    return new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  /** Copies what of `bytes` belongs to the body, or passes over it. Returns the number of those bytes. */
  push(bytes: Buffer): number {
    const count = Math.min(this.missingBytes, bytes.length);
    this.receivedBytes += count;
    const message = this.#message;
    if (message === undefined) return count;
    const { memory } = this.#shared;
    const isLarge = this.receivedBytes > ACCOUNTED_FROM_BYTES;
    const refusal = isLarge ? memory.hold(this.#owner!, this.receivedBytes, this.length) : undefined;
    if (refusal !== undefined) this.onSlow(refusal);
    else {
      message.append(bytes);
      if (message.isWhole) this.#end(message);
    }
    return count;
  }

  /** Keeps nothing of it here: the promise never settles, unless the body is whole. */
  stop(): void {
    this.#message?.drop();
    this.#whole = undefined;
    this.#unwatch();
  }

  /** Nobody reads it any more: its memory is used again. */
  recycle(): void {
    if (this.#whole !== undefined) this.#shared.memory.messages.give(this.#whole);
    this.#whole = undefined;
  }

  onSlow(error: ServingError): void {
    this.stop();
    this.#reject(error);
  }

  #end(message: ArrivingMessage): void {
    this.#unwatch();
    this.#shared.memory.arrived(this.#owner!);
    this.#whole = message.take();
    this.#resolve(this.#whole);
  }

  #unwatch(): void {
    this.#message = undefined;
    this.#timer?.cancel();
    this.#shared.watch.remove(this);
  }
}
