/**
 * An agent of node:http for one address. Node's own copies the options of each request and writes its address out as a key,
 * which is a ninth of a fronted request's CPU time: here any connection serves any request.
 *
 *     request ──▶ a connection waits? ──yes──▶ the one that waited least
 *                        └──no──▶ node's agent makes one
 *
 * A connection that waits has nothing to say: bytes on it are no answer to anything, and close it, so that they are never
 * taken for the next request's answer.
 *
 * `addRequest` is not documented, but is what node:http calls (20 to 24; also the way of the package agent-base). Should a
 * later version not call it, or keep its connections elsewhere, node's agent does all of it.
 */
import { Agent, type AgentOptions, type ClientRequest } from 'node:http';
import { Socket } from 'node:net';
import type { OnSocket } from '../client-and-app.ts';

const nodes = Agent.prototype as Agent & { addRequest(request: ClientRequest, options: object): void };

/** The key of all connections. */
const NAME = '';

export class AppAgent extends Agent {
  readonly #onSocket: OnSocket;

  /** @param onSocket is told of each new connection */
  constructor(options: Omit<AgentOptions, 'keepAlive'>, onSocket: OnSocket) {
    super({ ...options, keepAlive: true });
    this.#onSocket = onSocket;
  }

  /** A connection is kept that the next request can have. */
  get hasWaiting(): boolean {
    return this.freeSockets[NAME]?.some(({ destroyed }) => !destroyed) === true;
  }

  override getName(): string {
    return NAME;
  }

  addRequest(request: ClientRequest, options: object): void {
    const socket = this.#takeWaiting();
    if (socket === undefined) nodes.addRequest.call(this, request, options);
    else {
      this.reuseSocket(socket, request);
      request.onSocket(socket);
    }
  }

  override createConnection(...args: Parameters<Agent['createConnection']>): ReturnType<Agent['createConnection']> {
    const socket = super.createConnection(...args);
    if (socket instanceof Socket) this.#onSocket(socket);
    return socket;
  }

  override keepSocketAlive(socket: Socket): boolean {
    // The types say nothing of what it returns.
    const isKept = super.keepSocketAlive(socket) as unknown as boolean;
    if (isKept) socket.on('data', closeUnasked);
    return isKept;
  }

  override reuseSocket(socket: Socket, request: ClientRequest): void {
    socket.off('data', closeUnasked);
    super.reuseSocket(socket, request);
  }

  /** Moves a connection from those that wait to those in use. */
  #takeWaiting(): Socket | undefined {
    const waiting = this.freeSockets[NAME];
    let socket = waiting?.pop();
    // One that is closed already is not told of yet.
    while (socket?.destroyed === true) socket = waiting?.pop();
    if (socket === undefined) return undefined;
    const all: NodeJS.Dict<Socket[]> = this.sockets;
    all[NAME] ??= [];
    all[NAME].push(socket);
    return socket;
  }
}

/** A listener of a connection that waits. */
function closeUnasked(this: Socket): void {
  this.destroy();
}
