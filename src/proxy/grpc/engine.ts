/**
 * The interface between gRPC services and an HTTP/2 stack. It is small, so that the stack can be exchanged.
 *
 * The engine finds a method by its path when a call's first header arrives. The method makes a reader, whose callbacks
 * get what comes in. Messages are bytes: the engine knows no message type.
 *
 *   first header ──▶ method.start(call) ──▶ reader
 *                                             ├ onMessage(bytes)   unary, server stream: once, when the request is
 *                                             │                    complete; client stream: for each message
 *                                             ├ onEnd()            client stream only: no more messages
 *                                             └ onAbort(error)     the call has ended, and not by call.end
 *   call.send(bytes)… call.end(status), or call.answer(bytes)
 *
 * Ownership: a message given to `onMessage` belongs to the reader and never changes. A buffer given to `send` or
 * `answer` belongs to the engine from then on.
 */
import type { Socket } from 'node:net';
import type { Clock, Instant } from '../../core/clock.ts';
import type { ServingError } from '../../core/errors.ts';
import type { SequenceStep } from '../../core/model-spec.ts';
import type { PriorityClass } from '../../core/priority.ts';
import type { ClientFacts } from '../../ledger/request-record.ts';
import type { Callers } from '../caller.ts';
import type { InflationGate } from '../inflation.ts';
import type { MemoryBudget } from '../memory-budget.ts';
import type { ListenerAccess } from '../net/listen.ts';
import type { ListenTls } from '../net/tls-server.ts';
import type { Caller } from './caller.ts';

/** 64 MiB: 100 images of 224 × 224 × 3 floats, or 16 million floats. */
export const DEFAULT_MAX_RECEIVE_BYTES = 64 * 1024 * 1024;

/** Bytes before each message on the wire: a flag, and the message's length in four bytes. */
export const MESSAGE_HEAD_BYTES = 5;

/** Values by lower-case name. Names that end in `-bin` have bytes, all others printable ASCII text. */
export type MetadataEntries = Readonly<Record<string, string | Uint8Array>>;

export interface CallStatus {
  readonly code: number;
  readonly message: string;
  readonly trailers?: MetadataEntries;
  /** The form in which the engine has encoded a status that many calls get. Absent: it is encoded each time. */
  readonly encoded?: { block: Uint8Array | undefined; trailers?: Uint8Array };
}

/** A call as its headers and its connection tell it. Equal calls of a connection may share it. */
export interface CallFacts {
  readonly path: string;
  /** "127.0.0.1:54321", "unix" for a socket file. */
  readonly peer: string;
  /** Undefined: the peer is no trusted proxy, or tells none. */
  readonly client: ClientFacts | undefined;
  /** The client's timeout in ms from the call's arrival; undefined if it set none. */
  readonly timeoutMs: number | undefined;
  /** The value of `x-pillion-priority`; undefined if the client set none; a ServingError if it cannot be read. */
  readonly priority?: PriorityClass | undefined | ServingError;
  /** The value of `x-pillion-sequence-id`; undefined if the call is no step; a ServingError if it cannot be read. */
  readonly step?: SequenceStep | undefined | ServingError;
  readonly caller: Caller;
}

export interface GrpcCall {
  readonly head: CallFacts;
  /** The instant at which the first header block arrived. */
  readonly receivedAt: Instant;
  /** The call has ended or was aborted: all other methods do nothing from then on. */
  readonly isEnded: boolean;
  /** The values of a name that does not end in `-bin`, joined by commas. */
  metadata(name: string): string | undefined;
  /** The first value of a name that ends in `-bin`. */
  binaryMetadata(name: string): Uint8Array | undefined;
  /** Sets the answer's metadata, sent with the first message or, without one, with the status. Call before `send`. */
  setHeaders(headers: MetadataEntries): void;
  send(message: Uint8Array): void;
  /**
   * `send` and `end` with OK in one: the fast path of a unary answer. The message stands in `buffer` after
   * MESSAGE_HEAD_BYTES free bytes, which the engine fills. The request's message must not be read any more: its memory
   * is reused. `status`: OK with trailers; default OK without.
   */
  answer(buffer: Uint8Array, status?: CallStatus): void;
  /** Ends the call. Only the first call counts. */
  end(status: CallStatus): void;
  /** This unary call is to be refused later: lets go of its message. */
  forget(): void;
  /** `end` of a unary call whose message nobody has kept, so that its memory can be reused. */
  refuse(status: CallStatus): void;
}

export interface CallReader {
  onMessage(message: Uint8Array): void;
  onEnd?(): void;
  /**
   * Client stream only: there is no memory for a message (`overloaded`), which will not come; the stream goes on.
   * `begun`: its first bytes, as far as they help. Without it the call ends with the error, and always on an engine that
   * cannot pass over a message.
   */
  onRefused?(error: ServingError, begun: Uint8Array): void;
  /**
   * Called at most once, and never after `call.end`: the client has left (`cancelled`), its request cannot be read or
   * is over the limit (`invalid_request`, `too_large`, `unsupported`), or the call's deadline has passed
   * (`deadline_exceeded`; only if the method leaves that to the engine). Unless the reader ends the call, the engine
   * ends it with this error after onAbort returns.
   */
  onAbort(error: ServingError): void;
}

export interface GrpcMethod {
  /** "/package.Service/Method". */
  readonly path: string;
  readonly isClientStream: boolean;
  /** The method itself ends its calls at their deadline; most do, by the request's lifecycle. */
  readonly enforcesDeadline: boolean;
  start(call: GrpcCall): CallReader;
}

/** A service, or what a feature adds to the service of another. */
export interface GrpcService {
  /** "package.Service". */
  readonly name: string;
  readonly methods: readonly GrpcMethod[];
  /** It serves models: grpc.health.v1 has the server's readiness under its name. Default false. */
  readonly hasHealth?: boolean;
  /** Begins a drain: ends its endless streams, and new ones at once. */
  endStreams?(): void;
}

/** The parts and limits that every engine gets. */
export interface GrpcEngineOptions {
  readonly clock: Clock;
  /** Default DEFAULT_MAX_RECEIVE_BYTES. */
  readonly maxReceiveBytes?: number;
  /** Charged for requests and unsent answers. Default: one without limits. */
  readonly memory?: MemoryBudget;
  /** A request that makes too little progress in so many seconds is ended (proxy/body-pace.ts). Default: none is. */
  readonly bodyTimeoutS?: number;
  /** Default: one of this engine alone. */
  readonly inflations?: InflationGate;
  /** Default: callers are told apart by their connections. */
  readonly callers?: Callers;
  /** Default: every connection is let in. */
  readonly listenerAccess?: ListenerAccess;
  /** TCP addresses speak TLS. Default: none do. */
  readonly tls?: ListenTls | undefined;
  /** A method threw where it must not (the call was answered with INTERNAL). `path` is '' if no call caused it. */
  readonly onInternalError: (error: unknown, path: string) => void;
}

export interface GrpcEngine {
  /** Call before `listen`. Throws if the path is registered already. */
  register(method: GrpcMethod): void;
  /**
   * Listens on "host:port", "[v6]:port" or "unix:/path"; port 0 means any free one. May be called for several
   * addresses. Resolves with the bound address. Rejects with ListenError.
   */
  listen(address: string): Promise<string>;
  /** Takes a connection that another listener has accepted, after its TLS handshake. It may be paused. */
  accept(socket: Socket): void;
  /**
   * Sends GOAWAY to the open connections, and goes on accepting new ones. grpc-js has no means for that: there it does
   * nothing.
   */
  turnAway(): void;
  /**
   * Takes the connections that wait to be accepted and then no more, and sends GOAWAY to the open ones. Resolves when the last call has ended and the last
   * connection is closed; `close` ends that early.
   */
  drain(): Promise<void>;
  /** Closes everything now; calls are aborted as `cancelled`. May be called again. */
  close(): Promise<void>;
}
