/**
 * The memory of one call on grpc-js: its request while it arrives and is decompressed, and its answer until the client
 * has taken it. grpc-js itself bounds one message, and nothing else.
 *
 * A client that reads nothing keeps its answers for as long as its connection lives: grpc-js has no timeout for that.
 */
import { Buffer } from 'node:buffer';
import { constants, type ServerHttp2Stream } from 'node:http2';
import { setImmediate } from 'node:timers';
import { clientLeft } from '../../core/cancel.ts';
import { GrpcStatus, type ServingError, toServingError } from '../../core/errors.ts';
import type { BodyWatch, WatchedBody } from '../../proxy/body-pace.ts';
import { MESSAGE_HEAD_BYTES } from '../../proxy/grpc/engine.ts';
import { decompress } from '../../proxy/grpc/message-compression.ts';
import type { InflationGate } from '../../proxy/inflation.ts';
import { ACCOUNTED_FROM_BYTES, type MemoryBudget, type MemoryHolder } from '../../proxy/memory-budget.ts';
import { replaceDecompression, streamOf } from './grpc-js-stream.ts';

/** Shared by the calls of one engine. */
export interface GrpcJsMemoryContext {
  readonly maxReceiveBytes: number;
  readonly memory: MemoryBudget;
  readonly bodies: BodyWatch;
  readonly inflations: InflationGate;
}

interface MemoryOwner {
  /** See proxy/caller.ts. */
  readonly caller: { readonly name: string };
  /** Ends the call; its memory is told by `end`. */
  abort(error: ServingError): void;
}

export class GrpcJsMemory implements MemoryHolder, WatchedBody {
  /** Owned by the memory budget. */
  heldBytes = 0;
  /** Bytes since the call or, in a stream of messages, the last message began. */
  receivedBytes = 0;
  readonly #owner: MemoryOwner;
  readonly #shared: GrpcJsMemoryContext;
  readonly #stream: ServerHttp2Stream | undefined;
  #unsentBytes = 0;
  #isEnded = false;

  /** @param bare grpc-js's own call */
  constructor(bare: object, owner: MemoryOwner, isClientStream: boolean, shared: GrpcJsMemoryContext) {
    this.#owner = owner;
    this.#shared = shared;
    this.#stream = streamOf(bare);
    this.#stream?.on('data', (chunk: Buffer) => this.#count(chunk.length));
    replaceDecompression(bare, (message, encoding) => this.#decompress(message, encoding));
    if (!isClientStream) shared.bodies.add(this);
  }

  /** A message of a stream has been delivered, or nobody wants that of a unary call any more. */
  delivered(): void {
    this.receivedBytes = 0;
    this.#shared.memory.release(this);
  }

  /** The request is complete. */
  whole(): void {
    this.#shared.bodies.remove(this);
    this.#shared.memory.arrived(this);
  }

  /** The call has ended: nothing of its request is held. */
  end(): void {
    this.#isEnded = true;
    this.#shared.bodies.remove(this);
    this.#shared.memory.release(this);
  }

  /**
   * Counts an answer of `bytes` that is to be sent until `taken`. Returns false and ends the call if it may not wait.
   */
  sends(bytes: number): boolean {
    const { unsent } = this.#shared.memory;
    // Small ones are usually taken at once, which cannot be seen here.
    if (bytes > ACCOUNTED_FROM_BYTES && !unsent.mayKeep(this.#unsentBytes)) {
      this.#stream?.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
      return false;
    }
    unsent.bytes += bytes;
    this.#unsentBytes += bytes;
    return true;
  }

  /** The client has taken so many bytes of answers; by default all, or it has left. */
  taken(bytes = this.#unsentBytes): void {
    const taken = Math.min(bytes, this.#unsentBytes);
    this.#shared.memory.unsent.bytes -= taken;
    this.#unsentBytes -= taken;
  }

  shed(error: ServingError): void {
    this.#giveUp(error);
  }

  onSlow(error: ServingError): void {
    this.#giveUp(error);
  }

  /** Ends the stream too, so that grpc-js forgets its data: a turn later, as Node 22 would lose the status else. */
  #giveUp(error: ServingError): void {
    this.#owner.abort(error);
    setImmediate(() => this.#stream?.close());
  }

  #count(bytes: number): void {
    this.receivedBytes += bytes;
    if (this.#isEnded || this.receivedBytes <= ACCOUNTED_FROM_BYTES) return;
    const refusal = this.#hold(this.receivedBytes);
    if (refusal !== undefined) this.#giveUp(refusal);
  }

  #hold(bytes: number): ServingError | undefined {
    return this.#isEnded ? clientLeft('transport') : this.#shared.memory.hold(this, bytes);
  }

  /** Rejects with what grpc-js gives to its own `sendStatus`, which does nothing more then. */
  async #decompress(framed: Buffer, encoding: string): Promise<Buffer> {
    const bytes = framed.subarray(MESSAGE_HEAD_BYTES);
    if (encoding === 'identity') return bytes;
    const { maxReceiveBytes: maxBytes, inflations: gate } = this.#shared;
    const hold = (inflated: number): ServingError | undefined => this.#hold(bytes.length + inflated);
    try {
      const message = await decompress(bytes, encoding, { maxBytes, hold, gate, caller: this.#owner.caller.name });
      return Buffer.from(message.buffer, message.byteOffset, message.byteLength);
    } catch (error) {
      this.#owner.abort(toServingError(error));
      throw { code: GrpcStatus.CANCELLED, details: 'the call has ended' };
    }
  }
}
