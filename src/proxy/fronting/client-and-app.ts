/**
 * The two sides of a fronted request, as the state machine between them (fronted-request.ts) sees them. Each is
 * implemented once on node:http and once on HTTP/2:
 *
 *   ClientSide   http1-client.ts, http2-client.ts          AppTransport   http1-app.ts, http2-app.ts
 *
 * Heads have one form whatever the protocol: names and values in turn, as HTTP/1.1 would have them, with a `host`. Each
 * side reads and writes its own from that.
 */
import type { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import type { Duplex, Readable, Writable } from 'node:stream';
import type { ServingError } from '../../core/errors.ts';
import type { RawHeaders } from './heads/hop-headers.ts';

/** A request as it came. */
export interface RequestHead {
  readonly method: string;
  /** A path and query, `*`, or a whole URL. */
  readonly target: string;
  readonly headers: RawHeaders;
  /** "1.0", "1.1", "2". */
  readonly httpVersion: string;
  /** Be it an empty one whose end has yet to come. */
  readonly hasBody: boolean;
  /** The client: 'host:port', or 'unix' on a socket file. */
  readonly peer: string;
  /** The client's address alone. */
  readonly peerAddress: string;
  readonly isTls: boolean;
  /** A call of gRPC, by its content-type: failures are told in its form. */
  readonly isGrpc: boolean;
  /** The protocol that it asks for, "websocket" say. */
  readonly upgrade: string | undefined;
}

/** The head of an answer of the application's. */
export interface AnswerHead {
  readonly status: number;
  /** Its reason, '' if there is none. */
  readonly reason: string;
  readonly headers: RawHeaders;
  readonly httpVersion: string;
  /** Nothing follows it, neither body nor trailers: gRPC tells that from an empty body. */
  readonly isAll: boolean;
}

/** One end of a connection whose protocol has changed. */
export interface TunnelEnd {
  readonly duplex: Duplex;
  /** The bytes that have been read of it. */
  readonly head: Buffer;
}

/** Events of the client's side. None comes after onGone and onOver. */
export interface ClientEvents {
  /** Earlier requests on the connection have ended, which may change what this one finds. Called once, if ever. */
  onTurn(): void;
  /** The client has left. `code`: of its reset, in HTTP/2. */
  onGone(code?: number): void;
  /** The client takes nothing of its answer, and is about to be cut off. */
  onStalled(): void;
  /** The rest of the request cannot be read. */
  onUnreadable(error: ServingError): void;
  /** The answer has left, and no more of the request will come. */
  onOver(): void;
}

export interface ClientSide {
  readonly head: RequestHead;
  /** The connection, for the peer's address or certificate. It must not be read or written. */
  readonly connection: Duplex;
  /** Why the request is not passed on: two servers could read it in two ways, or it asks for nothing. */
  readonly fault: ServingError | undefined;
  /** Its end means that it is whole only if isWhole says so too. */
  readonly body: Readable;
  /** All of the request has come. */
  readonly isWhole: boolean;
  /** All of the answer has left. */
  readonly isAnswered: boolean;
  /** Known at the body's end. */
  readonly trailers: RawHeaders;
  /** Call once, first. */
  begin(events: ClientEvents): void;
  /** 100, to a client that waits for it. */
  continue(): void;
  /** 1xx but for 100 and 101, as far as the protocol has a way. */
  inform(status: number, headers: RawHeaders): void;
  /** Begins the answer when it is its turn. `write` gets where its body goes; undefined if the client has gone. */
  answer(head: AnswerHead, write: (body: Writable | undefined) => void): void;
  /** The body is whole: all of it has been written. */
  end(trailers: RawHeaders): void;
  /** Answers in the application's place. `code`: with which the application has reset the request, if it has. */
  refuse(error: ServingError, code: number | undefined): void;
  /** The answer has begun and will never be whole. `error`: what the client of a gRPC call is told. */
  cutOff(error: ServingError, code: number | undefined): void;
  /** The application takes no more of the body, and its answer is good. */
  dropBody(): void;
  /** The application changes the protocol: `join` gets the client's connection when it is its turn. */
  tunnel(head: AnswerHead, join: (end: TunnelEnd) => void): void;
  /** The request needs no more of the events. */
  release(): void;
}

/** The caller whose request wants a connection. */
export interface ConnectionUser {
  /** Its caller has no more requests open to it than its share of `places` would be if another caller came. */
  hasFewOpen(places: number): boolean;
}

/** A request for the application. */
export interface AppRequest {
  readonly method: string;
  /** The target as it came: a path and query, or `*`. */
  readonly path: string;
  /** Names and values in turn, as for HTTP/1.1. */
  readonly headers: RawHeaders;
  readonly hasBody: boolean;
  /** It may become a tunnel. */
  readonly upgrade: string | undefined;
  readonly isTls: boolean;
  readonly user: ConnectionUser;
}

/** Why there will be no answer. */
export interface AppFailure {
  readonly error: NodeJS.ErrnoException;
  /** A kept connection turned out to be closed. */
  readonly isStale: boolean;
  /** The application has not looked at it and says so: it may be sent again, whatever it is. */
  readonly isRefused: boolean;
  /** The code with which the application has reset the request, in HTTP/2. */
  readonly code: number | undefined;
}

export interface AppEvents {
  /** A connection is being made for this request. */
  onConnecting(): void;
  /** It has a connection. */
  onConnected(): void;
  /** The request's head is sent, or is about to be: its body may follow. */
  onOpen(sent: SentRequest): void;
  /** 1xx, 100 too. */
  onInformation(status: number, headers: RawHeaders): void;
  onHead(head: AnswerHead, body: Readable): void;
  /** The answer is whole, and all of its body has been read. */
  onEnd(trailers: RawHeaders): void;
  /** The answer has broken off. `code`: of the application's reset, in HTTP/2. */
  onBroken(code?: number): void;
  /** It has answered and takes no more of the body. */
  onUnwanted(): void;
  /** There will be no answer. */
  onFailure(failure: AppFailure): void;
  /** The target or a header has bytes that no request may have. Nothing was sent. */
  onUnsendable(error: Error): void;
  onTunnel(head: AnswerHead, end: TunnelEnd): void;
}

export interface SentRequest {
  /** The request's body. It may be written from onOpen on. */
  readonly body: Writable;
  /** The body is whole: all of it has been written. */
  end(trailers: RawHeaders): void;
  /** It will never be whole, or its answer is not wanted. No event comes after it. */
  breakOff(code?: number): void;
}

/** Called for each connection to the application as it is being made. */
export type OnSocket = (socket: Socket) => void;

/** Connections to the application in one protocol. */
export interface AppTransport {
  send(request: AppRequest, events: AppEvents): SentRequest;
  close(): void;
}
