/**
 * The request's side of one call: bytes → messages, decompressed, in order, and whether there are as many as the method
 * takes.
 *
 *   push, end ─▶ MessageReader ─▶ (decompress) ─▶ client stream: owner.deliver(message) …, deliver(undefined)
 *                                              └▶ else: one message, kept until the client has sent all, then delivered
 *
 * It goes on only while the owner is not held and nothing is being decompressed; what has not been taken stays in the
 * reader and is not given back to the client's window.
 */
import { ServingError, toServingError } from '../../core/errors.ts';
import type { CallHead } from './call-head.ts';
import { decompress } from './message-compression.ts';
import type { MessageMemory } from './message-memory.ts';
import { MessageReader } from './message-reader.ts';

/** The call that it is a part of. */
export interface IntakeOwner {
  /** Nothing more is to be delivered now: the call has ended, or its answers wait. `resume` when that changes. */
  readonly isHeld: boolean;
  /** A message, or undefined for the end of a client stream. */
  deliver(message: Uint8Array | undefined): void;
  /** The request is wrong. */
  abort(error: ServingError): void;
  /** The same, unless the client turns out to have left. */
  abortSoon(error: ServingError): void;
  /** Lets the client send so many bytes more. */
  consume(count: number): void;
}

export class CallIntake {
  readonly #owner: IntakeOwner;
  readonly #head: CallHead;
  readonly #isClientStream: boolean;
  readonly #maxBytes: number;
  readonly #memory: MessageMemory;
  readonly #messages: MessageReader;
  /** The one message of a method that takes one. */
  #message: Uint8Array | undefined;
  /** The same, when it has been delivered and was not compressed. */
  #delivered: Uint8Array | undefined;
  #isRequestWhole = false;
  #isDecompressing = false;

  constructor(owner: IntakeOwner, head: CallHead, isClientStream: boolean, maxBytes: number, memory: MessageMemory) {
    this.#owner = owner;
    this.#head = head;
    this.#isClientStream = isClientStream;
    this.#maxBytes = maxBytes;
    this.#memory = memory;
    this.#messages = new MessageReader(maxBytes, memory);
  }

  /** The chunk is lent until this returns. */
  push(chunk: Uint8Array): void {
    this.#messages.push(chunk);
    this.resume();
    this.#messages.keep();
  }

  /** The client has sent all. */
  end(): void {
    this.#isRequestWhole = true;
    this.resume();
  }

  /** Delivers what has come, as far as the call may go on. */
  resume(): void {
    try {
      while (!this.#isDecompressing && !this.#owner.isHeld) {
        const message = this.#messages.next();
        if (message === undefined) break;
        if (this.#messages.isCompressed) this.#decompress(message);
        else this.#take(message);
      }
    } catch (error) {
      this.#owner.abort(toServingError(error));
    }
    const consumed = this.#messages.takeConsumed();
    if (consumed > 0) this.#owner.consume(consumed);
    if (this.#isRequestWhole && !this.#isDecompressing && !this.#owner.isHeld) this.#finish();
  }

  /** Nobody reads the one message any more: its memory is used again. */
  recycle(): void {
    if (this.#delivered !== undefined) this.#memory.give(this.#delivered);
    this.#delivered = undefined;
  }

  #decompress(bytes: Uint8Array): void {
    const message = decompress(bytes, this.#head.encoding, this.#maxBytes);
    if (message instanceof Uint8Array) {
      this.#take(message);
      return;
    }
    this.#isDecompressing = true;
    message.then(
      (whole) => {
        this.#isDecompressing = false;
        if (!this.#owner.isHeld) this.#take(whole);
        this.resume();
      },
      (error: unknown) => this.#owner.abort(toServingError(error)),
    );
  }

  #take(message: Uint8Array): void {
    const { path } = this.#head;
    if (this.#isClientStream) this.#owner.deliver(message);
    else if (this.#message === undefined) this.#message = message;
    else this.#owner.abort(new ServingError('unsupported', `${path} takes one message and was sent a second one`));
  }

  #finish(): void {
    this.#isRequestWhole = false;
    const { remainder } = this.#messages;
    const message = this.#message;
    this.#message = undefined;
    if (remainder !== undefined) {
      const text = `the request ends within a message, after ${remainder}; send the whole message`;
      this.#owner.abortSoon(new ServingError('invalid_request', text));
    } else if (message === undefined && !this.#isClientStream) {
      const text = `${this.#head.path} takes one message and was sent none`;
      this.#owner.abortSoon(new ServingError('unsupported', text));
    } else {
      if (!this.#messages.isCompressed) this.#delivered = message;
      this.#owner.deliver(message);
    }
  }
}
