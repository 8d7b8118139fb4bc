/** Answers a ConnectionGate about a connection of node:http, which tells neither a request's end nor a head's start. */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Clock, Instant } from '../../core/clock.ts';
import type { GatedConnection } from './connection-gate.ts';

export class GatedHttpConnection implements GatedConnection {
  readonly #socket: Socket;
  readonly #clock: Clock;
  readonly #end: () => void;
  #answers = 0;
  #since: Instant;
  /** Bytes read when the last answer had left: more are the beginning of a request. */
  #bytesRead = 0;
  #atRest: (() => void) | undefined;
  /** Requests so far. */
  begunRequests = 0;
  /** Called whenever an answer has left, or will never. */
  onAnswered: (() => void) | undefined;

  /** @param end ends the connection, which is idle, as HTTP/1.1 has it */
  constructor(socket: Socket, clock: Clock, end: () => void) {
    this.#socket = socket;
    this.#clock = clock;
    this.#end = end;
    this.#since = clock.nowMs();
  }

  /** A request has come. */
  begin(response: ServerResponse): void {
    this.#answers += 1;
    this.begunRequests += 1;
    response.once('close', () => {
      this.#answers -= 1;
      this.#since = this.#clock.nowMs();
      this.#bytesRead = this.#socket.bytesRead;
      if (this.#answers === 0) this.#atRest?.();
      this.onAnswered?.();
    });
  }

  /** Calls `run` whenever the last open answer has left. */
  onRest(run: () => void): void {
    this.#atRest = run;
  }

  /** Requests whose answers have not left. */
  get openRequests(): number {
    return this.#answers;
  }

  get restingSince(): Instant | undefined {
    return this.#answers > 0 ? undefined : this.#since;
  }

  get isIdle(): boolean {
    const { bytesRead, writableLength } = this.#socket;
    return this.#answers === 0 && writableLength === 0 && bytesRead === this.#bytesRead;
  }

  endIdle(): void {
    this.#end();
  }
}
