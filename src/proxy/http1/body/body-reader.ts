/**
 * Reads a request's body into one Buffer, and decompresses it if it has a Content-Encoding.
 *
 * - A body over the limit is `too_large`: at once if Content-Length says so, else as soon as it is. The limit counts
 *   for the decompressed body too.
 * - gzip, deflate, br and zstd are read (coding/content-coding.ts); any other encoding is `unsupported`.
 * - Of transfer codings chunked alone is taken, which Node has undone: a body in another would be read as it is.
 * - What it holds is charged to the request (proxy/memory-budget.ts), received and inflated bytes alike.
 * - A body that comes too slowly is given up (proxy/body-pace.ts).
 * - A body in one piece is not copied. Others are copied as they come: with an announced length into an ArrivingMessage,
 *   else into GrowingBytes.
 * - `stop`: the request was answered without its body (deadline, client gone). Nothing more is kept, and the promise is
 *   never settled.
 */
import { Buffer } from 'node:buffer';
import { clientLeft } from '../../../core/cancel.ts';
import { ServingError } from '../../../core/errors.ts';
import { ArrivingMessage } from '../../arriving-message.ts';
import type { BodyWatch, WatchedBody } from '../../body-pace.ts';
import { freeBytes, GrowingBytes } from '../../growing-bytes.ts';
import type { InflationGate } from '../../inflation.ts';
import { ACCOUNTED_FROM_BYTES, type MemoryBudget, type MemoryHolder } from '../../memory-budget.ts';
import { DecodedTooLarge, decodeBody, parseContentEncoding } from '../coding/content-coding.ts';
import { bodyTooLarge } from '../http-errors.ts';

/** Shared by the bodies of one server. */
export interface BodyContext {
  readonly memory: MemoryBudget;
  readonly watch: BodyWatch;
  readonly inflations: InflationGate;
}

/** The request that a body belongs to. */
export interface BodyOwner extends MemoryHolder {
  readonly caller: string;
}

/** The headers that say how a body comes. */
export interface BodyHeaders {
  readonly 'content-encoding'?: string | undefined;
  readonly 'transfer-encoding'?: string | undefined;
  readonly 'content-length'?: string | undefined;
}

/** The transport calls `take` with each piece that comes, and `end` behind the last one. */
export class BodyReader implements WatchedBody {
  /** Why the body is refused, if its headers say enough. */
  readonly refusal: ServingError | undefined;
  /** The whole body has arrived. */
  isComplete = false;
  /** Bytes received, not decompressed. */
  receivedBytes = 0;
  readonly #maxBytes: number;
  readonly #shared: BodyContext;
  readonly #owner: BodyOwner;
  readonly #codings: readonly string[];
  readonly #announcedBytes: number;
  /** The first piece, until there is a second one. */
  #first: Buffer | undefined;
  readonly #body: ArrivingMessage | GrowingBytes;
  #isStopped = false;
  #resolve: (body: Buffer) => void = () => undefined;
  #reject: (error: ServingError) => void = () => undefined;

  constructor(headers: BodyHeaders, maxBytes: number, owner: BodyOwner, shared: BodyContext) {
    const codings = parseContentEncoding(headers['content-encoding']);
    this.#maxBytes = maxBytes;
    this.#owner = owner;
    this.#shared = shared;
    this.#announcedBytes = Number(headers['content-length'] ?? 0);
    const isAnnounced = this.#announcedBytes > 0;
    this.#body = isAnnounced ? new ArrivingMessage(this.#announcedBytes, shared.memory.messages) : new GrowingBytes();
    this.#codings = codings instanceof ServingError ? [] : codings;
    if (codings instanceof ServingError) this.refusal = codings;
    else if (!isChunkedAtMost(headers['transfer-encoding'])) this.refusal = unknownTransferCoding();
    else if (this.#announcedBytes > maxBytes) this.refusal = this.#tooLarge(this.#announcedBytes);
    else if (this.#announcedBytes > ACCOUNTED_FROM_BYTES) this.refusal = this.#hold(ACCOUNTED_FROM_BYTES);
  }

  /** Call once, and only without a `refusal`. Rejects with ServingError. */
  async read(): Promise<Buffer> {
    const body = await new Promise<Buffer>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
      this.#shared.watch.add(this);
    });
    const { inflations, memory } = this.#shared;
    const whole =
      this.#codings.length === 0 ? body : await inflations.run(this.#owner.caller, () => this.#decode(body));
    memory.arrived(this.#owner);
    return whole;
  }

  /** A piece of it; `isLent`: its bytes are valid until this returns, else they belong to the reader. */
  take(chunk: Buffer, isLent = false): void {
    if (this.#isStopped) return;
    const before = this.receivedBytes;
    this.receivedBytes += chunk.length;
    const refusal =
      this.receivedBytes > this.#maxBytes
        ? this.#tooLarge('more')
        : this.receivedBytes > ACCOUNTED_FROM_BYTES
          ? this.#hold(this.receivedBytes)
          : undefined;
    if (refusal !== undefined) this.#fail(refusal);
    else if (before === 0) this.#first = isLent ? Buffer.from(chunk) : chunk;
    else {
      if (this.#first !== undefined) this.#append(this.#first);
      this.#first = undefined;
      if (isLent) this.#body.append(chunk);
      else this.#append(chunk);
    }
  }

  /** All of it has come. */
  end(): void {
    this.isComplete = true;
    if (this.#isStopped) return;
    this.#shared.watch.remove(this);
    this.#resolve(this.#first ?? this.#body.take());
    this.#first = undefined;
  }

  stop(): void {
    this.#isStopped = true;
    this.#first = undefined;
    this.#body.drop();
    this.#shared.watch.remove(this);
  }

  onSlow(error: ServingError): void {
    this.#fail(error);
  }

  /** Frees the chunk, if it is no part of another: thousands of them would leave malloc's heap full of holes. */
  #append(chunk: Buffer): void {
    this.#body.append(chunk);
    if (chunk.byteLength === chunk.buffer.byteLength) freeBytes(chunk);
  }

  #fail(error: ServingError): void {
    this.stop();
    this.#reject(error);
  }

  #hold(bytes: number): ServingError | undefined {
    return this.#shared.memory.hold(this.#owner, bytes, this.#announcedBytes);
  }

  async #decode(body: Buffer): Promise<Buffer> {
    // A request that is over holds nothing: its inflation ends, or does not begin.
    const hold = (bytes: number): ServingError | undefined =>
      this.#isStopped ? clientLeft('receive') : this.#hold(body.length + bytes);
    try {
      if (this.#isStopped) throw clientLeft('receive');
      return await decodeBody(body, this.#codings, { maxBytes: this.#maxBytes, hold });
    } catch (error) {
      throw error instanceof DecodedTooLarge ? this.#tooLarge('more, inflated') : error;
    }
  }

  #tooLarge(bytes: number | string): ServingError {
    return bodyTooLarge(this.#maxBytes, bytes);
  }
}

function isChunkedAtMost(transferEncoding: string | undefined): boolean {
  return transferEncoding === undefined || /^[ \t]*chunked[ \t]*$/i.test(transferEncoding);
}

function unknownTransferCoding(): ServingError {
  const text = 'the body has a Transfer-Encoding beside "chunked", which is not undone here';
  return new ServingError('unsupported', `${text}; compress it as Content-Encoding says, if at all`);
}
