/**
 * The request side of one call: turns bytes into messages, decompressed and in order, and checks their number.
 *
 *   push, end ─▶ MessageReader ─▶ (decompress) ─▶ client stream: owner.deliver(message) …, deliver(undefined)
 *                                              └▶ else: one message, kept until the request is complete, then delivered
 *
 * It stops while the owner is held or a message is being decompressed. Bytes that it has not taken stay in the reader
 * and are not given back to the client's window. What it holds of a large request is charged by the owner. A message of
 * a stream that there is no memory for is refused alone: its rest is passed over as it comes.
 */
import { invalidRequest, ServingError, toServingError } from '../../core/errors.ts';
import type { InflationGate } from '../inflation.ts';
import { ACCOUNTED_FROM_BYTES } from '../memory-budget.ts';
import type { MessageMemory } from '../message-memory.ts';
import type { CallHead } from './call-head.ts';
import { decompress } from './message-compression.ts';
import { MessageReader } from './message-reader.ts';

/** The part of a call that its intake uses. */
export interface IntakeOwner {
  readonly isEnded: boolean;
  /** Nothing more is to be delivered now: the call has ended, or its answers wait. Call `resume` when that changes. */
  readonly isHeld: boolean;
  /** A message, or undefined for the end of a client stream. */
  deliver(message: Uint8Array | undefined): void;
  /** Ends the call because its request is wrong. */
  abort(error: ServingError): void;
  /** A message of a client stream is not delivered, for `error`. `begun`: what has come of it, as far as that helps. */
  refuseMessage(error: ServingError, begun: Uint8Array): void;
  /** Calls `abort` after a moment, unless the client turns out to have left. */
  abortSoon(error: ServingError): void;
  /** Lets the client send `count` more bytes. */
  consume(count: number): void;
  /**
   * Charges the call for all that it holds of its request; `announced`: the length of a message that is not whole.
   * Returns why it may not; the intake then aborts.
   */
  hold(bytes: number, announced: number): ServingError | undefined;
}

/** Limits and memory that the calls of one engine share. */
export interface IntakeContext {
  readonly maxReceiveBytes: number;
  /** Recycles the memory of large requests. */
  readonly messages: MessageMemory;
  readonly inflations: InflationGate;
}

/** The most bytes that are kept of a refused message: room for the names in it. */
const BEGUN_BYTES = 4096;
const NOTHING = new Uint8Array(0);

export class CallIntake {
  readonly #owner: IntakeOwner;
  readonly #head: CallHead;
  readonly #isClientStream: boolean;
  readonly #shared: IntakeContext;
  readonly #messages: MessageReader;
  /** The message of a unary or server-streaming call, until it is delivered. */
  #message: Uint8Array | undefined;
  /** The same message after that, if its memory can be recycled. */
  #delivered: Uint8Array | undefined;
  #isRequestWhole = false;
  #isDecompressing = false;
  /** The reason why the message that is decompressed is no longer wanted. */
  #givenUp: ServingError | undefined;
  /** True once the owner was charged. */
  #isCharged = false;
  receivedBytes = 0;

  constructor(owner: IntakeOwner, head: CallHead, isClientStream: boolean, shared: IntakeContext) {
    this.#owner = owner;
    this.#head = head;
    this.#isClientStream = isClientStream;
    this.#shared = shared;
    this.#messages = new MessageReader(shared.maxReceiveBytes, shared.messages);
  }

  /** The client owes bytes: its request, or the rest of a message of its stream. */
  get isOwed(): boolean {
    return !this.#isDecompressing && (!this.#isClientStream || this.#messages.isWithinMessage);
  }

  /** The chunk is valid until this returns. */
  push(chunk: Uint8Array): void {
    this.receivedBytes += chunk.length;
    this.#messages.push(chunk);
    this.resume();
    this.#messages.keep();
    if (this.#isCharged || this.receivedBytes > ACCOUNTED_FROM_BYTES) this.#charge();
  }

  /** The request is complete. */
  end(): void {
    this.#isRequestWhole = true;
    this.resume();
  }

  /** Delivers the messages that have come, unless the owner is held. */
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

  /** Gives back the memory of the one message, which nobody reads any more. */
  recycle(): void {
    if (this.#delivered !== undefined) this.#shared.messages.give(this.#delivered);
    this.#delivered = undefined;
  }

  /** Lets go of the one message, which somebody may still read. */
  forget(): void {
    this.#delivered = undefined;
  }

  /** Gives up the message of a client stream that comes, whose memory is wanted; false if there is none. */
  giveUpMessage(error: ServingError): boolean {
    if (!this.#isClientStream) return false;
    if (this.#isDecompressing) {
      this.#givenUp = error;
      return true;
    }
    const begun = this.#messages.skip(BEGUN_BYTES);
    if (begun === undefined) return false;
    this.#isCharged = false;
    this.#owner.refuseMessage(error, this.#messages.isCompressed ? NOTHING : begun);
    return true;
  }

  /** The call has ended: forgets what has come of its request. */
  drop(): void {
    this.#messages.drop();
    if (this.#message !== undefined) this.#shared.messages.give(this.#message);
    this.#message = undefined;
  }

  #charge(): void {
    if (this.#isDecompressing) return;
    const bytes = this.#messages.heldBytes + (this.#message?.length ?? 0);
    if (bytes <= ACCOUNTED_FROM_BYTES && !this.#isCharged) return;
    this.#isCharged = true;
    const refusal = this.#owner.hold(bytes, this.#messages.announcedBytes);
    if (refusal !== undefined && !this.giveUpMessage(refusal)) this.#owner.abort(refusal);
  }

  #decompress(bytes: Uint8Array): void {
    const { encoding } = this.#head;
    this.#givenUp = undefined;
    const hold = (inflated: number): ServingError | undefined => {
      this.#isCharged = true;
      return this.#givenUp ?? this.#owner.hold(bytes.length + inflated, 0);
    };
    const { maxReceiveBytes: maxBytes, inflations: gate } = this.#shared;
    const limits = { maxBytes, hold, gate, caller: this.#head.caller.name };
    let message: Uint8Array | Promise<Uint8Array>;
    try {
      message = decompress(bytes, encoding, limits);
    } catch (error) {
      this.#failToDecompress(error);
      return;
    }
    if (message instanceof Uint8Array) {
      this.#take(message);
      return;
    }
    this.#isDecompressing = true;
    const goOn = (): void => {
      this.#isDecompressing = false;
      this.resume();
      this.#charge();
    };
    void message
      .then(
        (whole) => {
          if (!this.#owner.isEnded) this.#take(whole);
        },
        (error: unknown) => this.#failToDecompress(error),
      )
      .then(goOn);
  }

  /** It ends the call, or costs a stream this message. */
  #failToDecompress(thrown: unknown): void {
    const error = toServingError(thrown);
    if (this.#isClientStream && error.kind === 'overloaded') {
      this.#isCharged = false;
      this.#owner.refuseMessage(error, NOTHING);
    } else this.#owner.abort(error);
  }

  #take(message: Uint8Array): void {
    const { path } = this.#head;
    if (this.#isClientStream) {
      this.#isCharged = false;
      this.#owner.deliver(message);
    } else if (this.#message === undefined) this.#message = message;
    else this.#owner.abort(new ServingError('unsupported', `${path} takes one message and was sent a second one`));
  }

  #finish(): void {
    this.#isRequestWhole = false;
    const { remainder } = this.#messages;
    const message = this.#message;
    this.#message = undefined;
    if (remainder !== undefined) {
      const text = `the request ends within a message, after ${remainder}; send the whole message`;
      this.#owner.abortSoon(invalidRequest(text));
    } else if (message === undefined && !this.#isClientStream) {
      const text = `${this.#head.path} takes one message and was sent none`;
      this.#owner.abortSoon(new ServingError('unsupported', text));
    } else {
      if (!this.#messages.isCompressed) this.#delivered = message;
      this.#owner.deliver(message);
    }
  }
}
