/**
 * Several connections to one server, and the requests that go over them. Before `open` resolves each connection has
 * been used for a call with the first message, which fills its HPACK table, and the first one for a call with every
 * other: all have answered (`firstCallsOf` counts them).
 */
import { Outcome, outcomeOf } from '../outcomes.ts';
import { GrpcConnection, type OnEnd } from './grpc-connection.ts';
import { type Metadata, RequestBytes } from './request-bytes.ts';

export interface PoolTarget {
  /** "host:port" of gRPC. */
  readonly address: string;
  readonly path: string;
  /** One message for each model; with `models`, for each stream one for each model. */
  readonly messages: readonly Uint8Array[];
  /** How many models there are, where streams differ: stream s asks model m with message s × models + m. */
  readonly models?: number;
  /** Metadata that go with each message, by its index. */
  readonly metadata?: readonly (Metadata | null)[];
  readonly connections: number;
}

/** How often `open` has asked each model. */
export function firstCallsOf({ messages, models = messages.length, connections }: Asked): number[] {
  const calls = new Array<number>(models).fill(0);
  for (const i of messages.keys()) calls[i % models]! += i === 0 ? connections : 1;
  return calls;
}

/** The index of the message with which a stream asks a model. */
export function messageIndex({ models }: { readonly models?: number }, stream: number, model: number): number {
  return models === undefined ? model : stream * models + model;
}

interface Asked {
  readonly messages: readonly unknown[];
  readonly models?: number;
  readonly connections: number;
}

/** The timeout of the first call to a model that is still being made ready. */
const FIRST_CALL_MS = 60_000;
/** A server that has a backlog of its last turn, or wakes late on a busy machine, may refuse it at first. */
const FIRST_CALL_TRIES = 20;
const PAUSE_AFTER_REFUSAL_MS = 100;

export class ConnectionPool {
  /** The bytes of an answer's DATA frames, by message. */
  readonly answerBytes: readonly number[];
  readonly #connections: readonly GrpcConnection[];
  readonly #requests: readonly RequestBytes[];
  #next = 0;

  private constructor(
    connections: readonly GrpcConnection[],
    requests: readonly RequestBytes[],
    answerBytes: readonly number[],
  ) {
    this.#connections = connections;
    this.#requests = requests;
    this.answerBytes = answerBytes;
  }

  /** Rejects with the first model's answer that is none. */
  static async open(target: PoolTarget, onEnd: OnEnd): Promise<ConnectionPool> {
    const [path, authority] = [target.path, target.address];
    const parts = target.messages.map((message, i) => ({
      ...{ path, authority, message },
      metadata: target.metadata?.[i] ?? undefined,
    }));
    const requests = parts.map((each) => new RequestBytes(each, false));
    const first = new RequestBytes(parts[0]!, true);
    const gate = new EndGate(onEnd);
    const connections: GrpcConnection[] = [];
    try {
      for (let i = 0; i < target.connections; i++) {
        const connection = await GrpcConnection.open(target.address, gate.onEnd);
        connections.push(connection);
        await gate.firstCall(connection, first, 0);
        for (const [index, request] of requests.entries()) {
          if (i === 0 && index > 0) await gate.firstCall(connection, request, index);
        }
      }
    } catch (error) {
      for (const connection of connections) connection.close();
      throw error;
    }
    gate.open();
    return new ConnectionPool(connections, requests, gate.answerBytes);
  }

  /** Requests that have no end yet. */
  get openCalls(): number {
    return this.#connections.reduce((sum, { open }) => sum + open, 0);
  }

  /** Why a connection was lost; undefined while none was. */
  get failure(): Error | undefined {
    return this.#connections.find(({ failure }) => failure !== undefined)?.failure;
  }

  /**
   * Over the connection whose turn it is, or the next that can take it. Turns change with `flush`: what is sent
   * together shares a system call here and there. Undefined: none can.
   */
  send(message: number, timeoutMs: number, token: number): SentCall | undefined {
    const request = this.#requests[message]!;
    for (let tries = 0; tries < this.#connections.length; tries++) {
      const connection = this.#connections[this.#next]!;
      if (connection.canSend(request)) {
        return { connection: this.#next, stream: connection.send(request, timeoutMs, token) };
      }
      this.#next = (this.#next + 1) % this.#connections.length;
    }
    return undefined;
  }

  /** True: it had no end yet. */
  cancel({ connection, stream }: SentCall): boolean {
    return this.#connections[connection]!.cancel(stream);
  }

  flush(): void {
    for (const connection of this.#connections) connection.flush();
    this.#next = (this.#next + 1) % this.#connections.length;
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }
}

export interface SentCall {
  readonly connection: number;
  readonly stream: number;
}

/** Sends ends to the calls made while opening, and to the owner from then on. */
class EndGate {
  readonly answerBytes: number[] = [];
  readonly onEnd: OnEnd;
  #waiting: ((status: number, bytes: number) => void) | undefined;
  #isOpen = false;

  constructor(onEnd: OnEnd) {
    this.onEnd = (token, status, bytes, at) => {
      if (this.#isOpen) onEnd(token, status, bytes, at);
      else this.#waiting?.(status, bytes);
    };
  }

  open(): void {
    this.#isOpen = true;
  }

  async firstCall(connection: GrpcConnection, request: RequestBytes, message: number): Promise<void> {
    let { status, bytes } = await this.#call(connection, request);
    for (let tries = 1; tries < FIRST_CALL_TRIES && outcomeOf(status) === Outcome.REFUSED; tries++) {
      await new Promise((resolve) => setTimeout(resolve, PAUSE_AFTER_REFUSAL_MS));
      ({ status, bytes } = await this.#call(connection, request));
    }
    if (status !== 0) throw new Error(`message ${message} was answered with gRPC status ${status} at its first call`);
    this.answerBytes[message] = bytes;
  }

  #call(connection: GrpcConnection, request: RequestBytes): Promise<{ status: number; bytes: number }> {
    return new Promise((resolve) => {
      this.#waiting = (status, bytes) => resolve({ status, bytes });
      connection.send(request, FIRST_CALL_MS, 0);
      connection.flush();
    });
  }
}
