/** The application over HTTP/1.1: node:http's client, whose connections are kept, but for no longer than it keeps them. */
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { connect, type Socket } from 'node:net';
import type { AnswerHead, AppEvents, AppRequest, AppTransport, SentRequest } from '../client-and-app.ts';
import { announced, type RawHeaders, trailersOf, valuesOf } from '../heads/hop-headers.ts';
import { flushSoon } from '../written.ts';
import { type AppAddress, httpPlaceOf, netPlaceOf } from './app-address.ts';
import { AppAgent } from './app-agent.ts';
import { type AppConnections, noDescriptors } from './app-connections.ts';

/** The most bytes of an answer's fields: cookies and policies soon fill node's own 16 KiB. Envoy's limit is near. */
const MAX_HEAD_BYTES = 64 * 1024;
const NOT_IN_REASONS = /[^\t\x20-\x7e\x80-\xff]/;
/** Idle connections that are kept. */
const MAX_IDLE = 256;

export class Http1App implements AppTransport {
  readonly #address: AppAddress;
  readonly #agent: AppAgent;
  readonly #connections: AppConnections;

  /** @param idleMs how long an idle connection is kept; a shorter `keep-alive` header counts */
  constructor(address: AppAddress, idleMs: number, connections: AppConnections) {
    this.#address = address;
    this.#connections = connections;
    this.#agent = new AppAgent({ timeout: idleMs, maxFreeSockets: MAX_IDLE }, connections.add);
  }

  send({ method, path, headers, hasBody, upgrade, user }: AppRequest, events: AppEvents): SentRequest {
    const isMade = upgrade !== undefined || !this.#agent.hasWaiting;
    if (isMade && !this.#connections.mayOpen(user)) {
      events.onFailure({ error: noDescriptors(), isStale: false, isRefused: false, code: undefined });
      return NEVER_SENT;
    }
    const isChunked = valuesOf(headers, 'transfer-encoding').length > 0;
    let upstream: ClientRequest;
    try {
      upstream = httpRequest({
        ...{ method, path, headers: announced(headers, isChunked), maxHeaderSize: MAX_HEAD_BYTES },
        ...httpPlaceOf(this.#address),
        // Either side of a tunnel may end its direction first, so it gets a connection of its own.
        ...(upgrade === undefined ? { agent: this.#agent } : { createConnection: () => this.#connectHalfOpen() }),
      });
    } catch (thrown) {
      events.onUnsendable(thrown as Error);
      return NEVER_SENT;
    }
    // The number of fields is not limited, like that of requests (rest-listener.ts).
    upstream.maxHeadersCount = 0;
    const sent = new Http1Sent(upstream, events, upgrade !== undefined);
    events.onOpen(sent);
    if (hasBody) flushSoon(upstream);
    return sent;
  }

  /** Closes the idle connections, and the others. */
  close(): void {
    this.#agent.destroy();
  }

  #connectHalfOpen(): Socket {
    const socket = connect({ ...netPlaceOf(this.#address), allowHalfOpen: true, noDelay: true });
    this.#connections.add(socket);
    return socket;
  }
}

/** Nothing can be done with it, and nothing is. */
export const NEVER_SENT: SentRequest = {
  get body(): never {
    throw new Error('the request was not sent');
  },
  end: () => undefined,
  breakOff: () => undefined,
};

class Http1Sent implements SentRequest {
  readonly body: ClientRequest;
  readonly #events: AppEvents;
  #answer: IncomingMessage | undefined;
  #isBrokenOff = false;

  constructor(upstream: ClientRequest, events: AppEvents, mayTunnel: boolean) {
    this.body = upstream;
    this.#events = events;
    upstream.once('socket', (socket) => this.#onSocket(socket));
    upstream.on('information', ({ statusCode, rawHeaders }) => events.onInformation(statusCode, rawHeaders));
    upstream.on('response', (answer) => this.#onAnswer(answer));
    upstream.on('error', (error) => this.#onError(error));
    // Node drops a connection that changes its protocol, and says nothing, if nobody listens.
    upstream.on('upgrade', (answer, duplex, head) => {
      if (mayTunnel && !this.#isBrokenOff) this.#events.onTunnel(headOf(answer), { duplex, head });
      else {
        duplex.destroy();
        this.#onError(Object.assign(new Error(), { code: 'it answered 101 to a request for no other protocol' }));
      }
    });
  }

  end(trailers: RawHeaders): void {
    if (this.body.destroyed) return;
    const kept = trailersOf(trailers);
    try {
      if (kept.length > 0) this.body.addTrailers(kept);
      this.body.end();
    } catch {
      // Node writes fewer characters than it reads, and the client chooses them.
      this.body.destroy();
    }
  }

  breakOff(): void {
    this.#isBrokenOff = true;
    this.#answer?.destroy();
    this.body.destroy();
  }

  #onSocket(socket: Socket): void {
    if (this.#isBrokenOff) return;
    if (!socket.connecting) this.#events.onConnected();
    else {
      this.#events.onConnecting();
      socket.once('connect', () => this.#events.onConnected());
    }
  }

  #onAnswer(answer: IncomingMessage): void {
    this.#answer = answer;
    answer.on('error', () => {
      if (!this.#isBrokenOff) this.#events.onBroken();
    });
    if (this.#isBrokenOff) {
      answer.destroy();
      return;
    }
    answer.once('end', () => this.#events.onEnd(answer.rawTrailers));
    this.#events.onHead(headOf(answer), answer);
  }

  /** A failure within an answer's body is the answer's own. */
  #onError(error: NodeJS.ErrnoException): void {
    if (this.#isBrokenOff) return;
    if (this.#answer !== undefined) {
      this.#events.onUnwanted();
      return;
    }
    const isStale = this.body.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE');
    this.#events.onFailure({ error, isStale, isRefused: false, code: undefined });
  }
}

function headOf({ statusCode, statusMessage, rawHeaders, httpVersion }: IncomingMessage): AnswerHead {
  // A reason with other bytes than a header may have is read, but not written, and nobody needs one.
  const reason = NOT_IN_REASONS.test(statusMessage!) ? '' : statusMessage!;
  return { status: statusCode!, reason, headers: rawHeaders, httpVersion, isAll: false };
}
