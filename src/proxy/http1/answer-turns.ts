/**
 * Orders the answers of a connection that node:http reads, and decides which of them is the last.
 *
 *   serving:   ready ──▶ written; node:http keeps answers that are early
 *   draining:  ready ──▶ the socket is read once more ──┬─ another request has come ──▶ written, as above
 *                                                       └─ this is the last request ──▶ waits until those before it are
 *                                                          written ──▶ written, with `connection: close`
 *
 * After `connection: close` nothing may be answered (RFC 9112, 9.6), so that a client that pipelines would lose the
 * requests it has sent ahead if an earlier answer had it. A client that always has a request under way never has a last
 * answer: once the server's grace period is over, the latest request at that moment gets the last answer.
 */
import type { ServerResponse } from 'node:http';
import { afterReads, type Ending } from './ending.ts';

/** Writes an answer; with `connection: close` if `isLast`. */
type WriteAnswer = (isLast: boolean) => void;

/** A request, until its answer and all answers before it are written. */
export class AnswerTurn {
  readonly #turns: AnswerTurns;
  /** Set once the answer is ready. */
  write: WriteAnswer | undefined;
  isWritten = false;

  constructor(turns: AnswerTurns) {
    this.#turns = turns;
  }

  /** The answer is ready: writes it now or in its turn. Call once. */
  send(write: WriteAnswer): void {
    this.write = write;
    this.#turns.ready(this);
  }
}

interface AnswerTurnEvents {
  /** More requests of the connection have been read, and wait to begin. */
  hasAhead(): boolean;
  /** The next answer that is written is the last. */
  onLast(): void;
  /** The connection is to end, is idle, and all its answers have been written. */
  onIdle(): void;
  /** Writing an answer that had waited for its turn failed. */
  onFault(error: unknown): void;
}

export class AnswerTurns {
  readonly #ending: Ending;
  readonly #events: AnswerTurnEvents;
  readonly #open: AnswerTurn[] = [];
  /** Known once the grace period is over. */
  #last: AnswerTurn | undefined;
  /** The response to the latest request. */
  #newest: ServerResponse | undefined;
  #hasEnded = false;

  constructor(ending: Ending, events: AnswerTurnEvents) {
    this.#ending = ending;
    this.#events = events;
  }

  /** No more requests are answered. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** A request waits for its answer, or its answer for those before it. */
  get areOpen(): boolean {
    return this.#open.length > 0;
  }

  /** A request has come. */
  begin(response: ServerResponse): AnswerTurn {
    this.#newest = response;
    const turn = new AnswerTurn(this);
    this.#open.push(turn);
    return turn;
  }

  /** Ends the connection if no request waits for its answer. */
  endIdle(): void {
    if (this.#open.length > 0 || this.#hasEnded) return;
    this.#hasEnded = true;
    // node:http may hold answers behind one that the client is slow to read.
    if (this.#newest?.writableFinished === false) this.#newest.once('finish', () => this.#events.onIdle());
    else this.#events.onIdle();
  }

  ready(turn: AnswerTurn): void {
    if (this.#ending.isDraining) {
      afterReads(() => this.#advance());
      return;
    }
    this.#write(turn, false);
    this.#forgetWritten();
  }

  #advance(): void {
    if (this.#hasEnded) return;
    if (this.#ending.isOver) this.#last ??= this.#open.at(-1);
    const last = this.#last ?? (this.#events.hasAhead() ? undefined : this.#open.at(-1));
    try {
      for (const turn of this.#open) if (turn !== last) this.#write(turn, false);
      this.#forgetWritten();
      // Its last answer may have been written before the drain began, behind one that was late.
      if (this.#ending.isOver) this.endIdle();
      if (this.#hasEnded || last === undefined || last !== this.#open[0] || last.write === undefined) return;
      this.#hasEnded = true;
      this.#events.onLast();
      this.#write(last, true);
    } catch (thrown) {
      this.#events.onFault(thrown);
    }
  }

  #write(turn: AnswerTurn, isLast: boolean): void {
    if (turn.write === undefined || turn.isWritten) return;
    turn.isWritten = true;
    turn.write(isLast);
  }

  #forgetWritten(): void {
    while (this.#open[0]?.isWritten === true) this.#open.shift();
  }
}

/**
 * Call it between an answer's head and its body where an interim answer (1xx) may have been written. Of a response that
 * waits for its turn, node:http puts the head before what waits with it, and so the interim answer into the body.
 */
export function keepHeadBehind(response: ServerResponse): void {
  if (response.socket === null) response.flushHeaders();
}
