/**
 * What our gRPC services need of an HTTP/2 stack, and nothing more, so that the stack can be changed under them.
 *
 * A method is found by its path when a call's first header arrives; it makes a reader for that call, which is told what
 * comes in. Bytes in, bytes out: the engine knows no message type.
 *
 *   first header ──▶ method.start(call) ──▶ reader
 *                                             ├ onMessage(bytes)   one for a unary or server-streaming method, when the
 *                                             │                    client has sent all; any number for a client stream
 *                                             ├ onEnd()            client stream only: no more messages
 *                                             └ onAbort(error)     the call is over, and not by call.end
 *   call.send(bytes)… call.end(status), or call.answer(bytes)
 *
 * Ownership: a message given to `onMessage` belongs to the reader and never changes. A buffer given to `send` or
 * `answer` belongs to the engine from then on.
 */
import type { Instant } from '../../core/clock.ts';
import type { ServingError } from '../../core/errors.ts';
import type { PriorityClass } from '../../core/priority.ts';
import type { Caller } from './caller.ts';

/** 64 MiB: 100 images of 224 × 224 × 3 floats, or 16 million floats. */
export const DEFAULT_MAX_RECEIVE_BYTES = 64 * 1024 * 1024;

/** What stands before each message on the wire: a flag, and the message's length in four bytes. */
export const MESSAGE_HEAD_BYTES = 5;

/** Lower-case names; a name that ends in `-bin` has bytes, any other has printable ASCII text. */
export type MetadataEntries = Readonly<Record<string, string | Uint8Array>>;

export interface CallStatus {
  readonly code: number;
  readonly message: string;
  readonly trailers?: MetadataEntries;
}

export interface GrpcCall {
  readonly path: string;
  /** "127.0.0.1:54321", "unix" for a socket file. */
  readonly peer: string;
  /** When the first header was seen. */
  readonly receivedAt: Instant;
  /** The client's own timeout, in ms from receivedAt; undefined = it set none. */
  readonly timeoutMs: number | undefined;
  /** Of `x-pillion-priority`; undefined = it set none; or what is wrong with it. */
  readonly priority?: PriorityClass | undefined | ServingError;
  /** Who calls, as far as it says. */
  readonly caller: Caller;
  /** `end` was called, or the call was aborted: everything else is without effect from then on. */
  readonly isEnded: boolean;
  /** A name that does not end in `-bin`; sent more than once, its values are joined by commas. */
  metadata(name: string): string | undefined;
  /** The first value of a name that ends in `-bin`. */
  binaryMetadata(name: string): Uint8Array | undefined;
  /** Metadata of the answer: sent with the first message, or with the status if there is none. Before `send`. */
  setHeaders(headers: MetadataEntries): void;
  send(message: Uint8Array): void;
  /**
   * `send` and `end` with OK in one: the fast way of a unary answer. The message stands in `buffer` behind
   * MESSAGE_HEAD_BYTES bytes of room, which the engine fills. The request's message is not to be read from then on: its
   * memory is used for the next one.
   */
  answer(buffer: Uint8Array): void;
  /** Ends the call. Only the first time counts. */
  end(status: CallStatus): void;
  /** `end`, of a unary call whose message nobody has kept: its memory is used for the next one. */
  refuse(status: CallStatus): void;
}

export interface CallReader {
  onMessage(message: Uint8Array): void;
  onEnd?(): void;
  /**
   * At most once, and never after `call.end`: the client left (`cancelled`), what it sent cannot be read or is over the
   * limit (`invalid_request`, `too_large`, `unsupported`), or the call's deadline passed (`deadline_exceeded`; only if
   * the method leaves that to the engine). If the client is still there the engine ends the call with this error after
   * onAbort returns, unless the reader did.
   */
  onAbort(error: ServingError): void;
}

export interface GrpcMethod {
  /** "/package.Service/Method". */
  readonly path: string;
  readonly isClientStream: boolean;
  /** The method ends its calls at their deadline itself (most do, by the request's lifecycle). */
  readonly enforcesDeadline: boolean;
  start(call: GrpcCall): CallReader;
}

export interface GrpcEngine {
  /** Before `listen`. A path that is registered twice is a programming error. */
  register(method: GrpcMethod): void;
  /**
   * "host:port", "[v6]:port" or "unix:/path"; port 0 = any free one. May be called for several addresses. Resolves with
   * the address as bound. Rejects with ListenError.
   */
  listen(address: string): Promise<string>;
  /**
   * Takes no new connections and tells those there are to go elsewhere (GOAWAY). Resolves when the last call has ended
   * and the last connection is closed: `close` cuts that short.
   */
  drain(): Promise<void>;
  /** Closes everything now; calls are aborted as `cancelled`. Twice is once. */
  close(): Promise<void>;
}
