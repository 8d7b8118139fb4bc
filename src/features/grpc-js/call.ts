/**
 * One call on @grpc/grpc-js, from its first header to its status.
 *
 * grpc-js calls an interceptor with the bare call when a call's headers have arrived. The call is taken over at that
 * point: grpc-js's own handler (a Node stream for each call, and no callback before the body is complete) never starts.
 * That way the arrival of the first header is known, and the client's leaving while the body still arrives.
 *
 *            ┌── bare call (grpc-js) ──┐ onReceiveMetadata/Message/HalfClose/Cancel
 *   HTTP/2 ──┤                         ├──────────────────────────────▶ GrpcJsCall ──▶ reader
 *            └─────────────────────────┘ ◀── sendMetadata/Message/Status ──┘
 *
 * One method of the bare call is replaced, `sendStatus`. grpc-js calls it when a message is over the limit, and when
 * its own deadline timer fires: it would end the call with a text of its own. That timer also has a bug (below), which
 * nothing but replacing the method avoids. Memory and decompression: memory.ts.
 *
 * grpc-timeout: grpc-js turns it into a signed 32-bit number of ms. A long one overflows (`36000M` = 25 days gives a
 * deadline in the past): a negative one counts as none here, and the server's cap holds. One of more than 49.7 days may
 * wrap to a positive number, which looks like a real one. Below 1 ms it becomes 0 (`500u` expires at once), and
 * fractions of a ms are lost. Pillion's own engine (pillion-engine.ts) reads the header itself.
 */

import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import { Metadata, type ServerInterceptingCallInterface, type status as StatusCode } from '@grpc/grpc-js';
import { clientLeft } from '../../core/cancel.ts';
import type { Clock, Instant } from '../../core/clock.ts';
import { GrpcStatus, ServingError, toServingError } from '../../core/errors.ts';
import type { SequenceStep } from '../../core/model-spec.ts';
import { PRIORITY_HEADER, type PriorityClass } from '../../core/priority.ts';
import { type Callers, callerAt, type ToldClient } from '../../proxy/caller.ts';
import { type Caller, readCaller } from '../../proxy/grpc/caller.ts';
import {
  type CallFacts,
  type CallReader,
  type CallStatus,
  type GrpcCall,
  type GrpcMethod,
  MESSAGE_HEAD_BYTES,
  type MetadataEntries,
} from '../../proxy/grpc/engine.ts';
import { OK, statusOf } from '../../proxy/grpc/grpc-errors.ts';
import { formatHostPort, peerOf } from '../../proxy/net/listen-address.ts';
import { readPriority } from '../../proxy/priority-header.ts';
import { readSequenceStep } from '../../proxy/sequence-header.ts';
import { GrpcJsMemory, type GrpcJsMemoryContext } from './memory.ts';
import type { GrpcJsOccupants } from './occupants.ts';
import type { SocketsByAddress } from './sockets-by-address.ts';

type SendStatus = ServerInterceptingCallInterface['sendStatus'];
type TransportStatus = Parameters<SendStatus>[0];

/** Shared by the calls of one engine. */
export interface CallContext extends GrpcJsMemoryContext {
  readonly clock: Clock;
  readonly callers: Callers;
  readonly sockets: SocketsByAddress;
  readonly occupants: GrpcJsOccupants;
  /** A call has begun (+1), or all of its answer has gone to the transport (−1). */
  readonly onOpenCalls: (change: 1 | -1) => void;
  /** A method threw where it must not, and its call has been ended. */
  readonly onInternalError: (error: unknown, path: string) => void;
}

export class GrpcJsCall implements GrpcCall, CallFacts {
  readonly head = this;
  readonly path: string;
  readonly receivedAt: Instant;
  readonly timeoutMs: number | undefined;
  readonly #bare: ServerInterceptingCallInterface;
  readonly #sendStatus: SendStatus;
  readonly #method: GrpcMethod;
  readonly #shared: CallContext;
  #metadata: Metadata | undefined;
  #headers: MetadataEntries | undefined;
  #reader: CallReader | undefined;
  /** The message of a unary or server-streaming call, until the request is complete. */
  #message: Uint8Array | undefined;
  #writesPending = 0;
  #isReadOwed = false;
  #hasSent = false;
  #isEnded = false;
  readonly #closed: () => void;
  readonly #memory: GrpcJsMemory;

  constructor(bare: ServerInterceptingCallInterface, method: GrpcMethod, shared: CallContext) {
    this.path = method.path;
    this.receivedAt = shared.clock.nowMs();
    this.timeoutMs = timeoutOf(bare, shared.clock);
    this.#bare = bare;
    this.#method = method;
    this.#shared = shared;
    this.#sendStatus = bare.sendStatus;
    this.#closed = shared.occupants.opened(shared.sockets.of(bare.getConnectionInfo()));
    bare.sendStatus = (status) => this.#onTransportStatus(status);
    this.#memory = new GrpcJsMemory(bare, this, method.isClientStream, shared);
  }

  get peer(): string {
    const info = this.#bare.getConnectionInfo();
    const socket = this.#shared.sockets.of(info);
    if (socket !== undefined) return peerOf(socket);
    // Its own getPeer leaves out the brackets of IPv6.
    const { remoteAddress, remotePort } = info;
    if (remoteAddress === undefined || remotePort === undefined) return 'unix';
    return formatHostPort(remoteAddress, remotePort);
  }

  /** A Unix socket's connection cannot be found, so that its peer is not trusted. */
  get client(): ToldClient | undefined {
    const socket = this.#shared.sockets.of(this.#bare.getConnectionInfo());
    return socket && this.#shared.callers.clientOf(socket, (name) => this.metadata(name));
  }

  get priority(): PriorityClass | undefined | ServingError {
    return readPriority(this.metadata(PRIORITY_HEADER));
  }

  get step(): SequenceStep | undefined | ServingError {
    return readSequenceStep((name) => this.metadata(name));
  }

  get caller(): Caller {
    const { callers } = this.#shared;
    const socket = this.#shared.sockets.of(this.#bare.getConnectionInfo());
    // A Unix socket's cannot be found, and has no certificate.
    const visitor = socket === undefined ? callers.access?.visitor(undefined) : callers.visitorOf(socket);
    return readCaller(this, callers, this.#connectionCaller(socket), visitor);
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  metadata(name: string): string | undefined {
    const values = this.#metadata?.get(name);
    if (values === undefined || values.length === 0) return undefined;
    return values.length === 1 ? String(values[0]) : values.join(',');
  }

  binaryMetadata(name: string): Uint8Array | undefined {
    const value = this.#metadata?.get(name)[0];
    return value instanceof Uint8Array ? value : undefined;
  }

  setHeaders(headers: MetadataEntries): void {
    this.#headers = headers;
  }

  send(message: Uint8Array): void {
    if (this.#isEnded) return;
    if (!this.#hasSent) {
      this.#hasSent = true;
      this.#bare.sendMetadata(toMetadata(this.#headers, undefined));
    }
    const { buffer, byteOffset, byteLength } = message;
    if (!this.#memory.sends(byteLength)) return;
    this.#writesPending += 1;
    this.#bare.sendMessage(Buffer.from(buffer, byteOffset, byteLength), () => {
      this.#memory.taken(byteLength);
      this.#onWritten();
    });
  }

  answer(buffer: Uint8Array, status: CallStatus = OK): void {
    this.send(buffer.subarray(MESSAGE_HEAD_BYTES));
    this.end(status);
  }

  forget(): void {
    this.#memory.delivered();
  }

  refuse(status: CallStatus): void {
    this.end(status);
  }

  end(status: CallStatus): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#memory.end();
    this.#sendStatus.call(this.#bare, {
      code: status.code as StatusCode,
      details: status.message,
      metadata: toMetadata(this.#hasSent ? undefined : this.#headers, status.trailers),
    });
  }

  /** Takes the call over. Called first; from here on: callbacks of the bare call. */
  begin(): void {
    this.#shared.onOpenCalls(1);
    this.#bare.start(this);
  }

  onReceiveMetadata(metadata: Metadata): void {
    this.#metadata = metadata;
    try {
      this.#reader = this.#method.start(this);
    } catch (error) {
      this.#fail(error);
    }
    this.#bare.startRead();
  }

  onReceiveMessage(message: Uint8Array): void {
    if (this.#isEnded) return;
    if (this.#method.isClientStream) {
      this.#memory.delivered();
      this.#deliver(message);
      // The next message is read when the answers to this one have left: a client that does not read is not read from.
      if (this.#writesPending === 0) this.#bare.startRead();
      else this.#isReadOwed = true;
      return;
    }
    if (this.#message !== undefined) {
      this.abort(new ServingError('unsupported', `${this.path} takes one message and was sent a second one`));
      return;
    }
    this.#message = message;
    this.#bare.startRead();
  }

  onReceiveHalfClose(): void {
    if (this.#isEnded) return;
    this.#memory.whole();
    const message = this.#message;
    this.#message = undefined;
    if (this.#method.isClientStream) this.#deliver(undefined);
    else if (message !== undefined) this.#deliver(message);
    else {
      // Node reports a reset as an end, and the client's leaving a moment later: only then is it known which it was.
      setImmediate(() => {
        if (this.#isEnded) return;
        this.abort(new ServingError('unsupported', `${this.path} takes one message and was sent none`));
      });
    }
  }

  /** Called by grpc-js once for every call: when its client leaves, or after all of its answer. */
  onCancel(): void {
    this.#shared.onOpenCalls(-1);
    this.#closed();
    if (!this.#isEnded) this.abort(clientLeft('transport'));
    this.#memory.taken();
  }

  #connectionCaller(socket: Socket | undefined): string {
    return socket === undefined ? callerAt(undefined, 0) : this.#shared.callers.ofClient(socket, this.client);
  }

  #onWritten(): void {
    this.#writesPending -= 1;
    if (this.#writesPending > 0 || !this.#isReadOwed || this.#isEnded) return;
    this.#isReadOwed = false;
    this.#bare.startRead();
  }

  /** grpc-js is about to end the call by itself. */
  #onTransportStatus(transport: TransportStatus): void {
    if (this.#isEnded) return;
    if (transport.code === GrpcStatus.DEADLINE_EXCEEDED) {
      if (this.#method.enforcesDeadline || this.timeoutMs === undefined) return;
      this.abort(new ServingError('deadline_exceeded', `deadline of ${this.timeoutMs} ms passed`));
    } else this.abort(errorOf(transport, this.#shared.maxReceiveBytes));
  }

  /** A message, or undefined for the end of the client's messages. */
  #deliver(message: Uint8Array | undefined): void {
    try {
      if (message === undefined) this.#reader?.onEnd?.();
      else this.#reader?.onMessage(message);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Ends the call, and not by its method. */
  abort(error: ServingError): void {
    // The reader comes before `end`, as it may have something of its own to send. `isEnded` holds afterwards in any
    // case.
    try {
      this.#reader?.onAbort(error);
    } catch (thrown) {
      this.#fail(thrown);
    }
    this.end(statusOf(error));
  }

  /** A method that throws has a bug: it costs this call, not the process. */
  #fail(error: unknown): void {
    this.#shared.onInternalError(error, this.path);
    this.end(statusOf(toServingError(error)));
  }
}

/** The client's timeout in ms from now; undefined if it set none, or one that overflowed (see the top). */
function timeoutOf(bare: ServerInterceptingCallInterface, clock: Clock): number | undefined {
  const deadline = Number(bare.getDeadline());
  if (deadline === Infinity) return undefined;
  const timeoutMs = deadline - clock.wallMs();
  // grpc-js read the wall clock a moment ago: a timeout of 0 may already be -1 or -2.
  if (timeoutMs < -1000) return undefined;
  return Math.max(0, timeoutMs);
}

/** The error for a message that grpc-js could not take. */
function errorOf(transport: TransportStatus, maxReceiveBytes: number): ServingError {
  const said = transport.details ?? '';
  switch (transport.code) {
    case GrpcStatus.RESOURCE_EXHAUSTED:
      return new ServingError(
        'too_large',
        `the message is larger than the ${maxReceiveBytes} bytes that this server takes; send fewer rows at once (${said})`,
      );
    case GrpcStatus.UNIMPLEMENTED:
      return new ServingError('unsupported', `${said}; send identity, gzip or deflate`);
    default:
      return new ServingError('invalid_request', `the call could not be read: ${said}; ${fixOf(said)}`);
  }
}

function fixOf(said: string): string {
  if (said.includes('grpc-timeout')) return 'send 1 to 8 digits and a unit of H M S m u n, e.g. 250m';
  return 'send each message compressed as grpc-encoding says, or not at all';
}

function toMetadata(first: MetadataEntries | undefined, second: MetadataEntries | undefined): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries({ ...first, ...second })) {
    metadata.set(name, typeof value === 'string' ? value : Buffer.from(value));
  }
  return metadata;
}
