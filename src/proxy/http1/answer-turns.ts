/**
 * The answers of a connection that node:http has, and which of them is its last.
 *
 *   serving:   there ──▶ written; node:http keeps what is early
 *   draining:  there ──▶ what can be read is read ──┬─ something has come after it ──▶ written, as above
 *                                                   └─ it is the last in hand ──▶ waits until those before it are
 *                                                      written ──▶ written, with `connection: close`
 *
 * After `connection: close` nothing may be answered any more (RFC 9112, 9.6), so a client that pipelines would lose what
 * it has sent ahead if an earlier answer said it. One that always has something under way never has a last answer: once
 * the server's patience is over, the last that is then in hand is its last.
 */
import type { ServerResponse } from 'node:http';
import { afterReads, type Ending } from './ending.ts';

/** Writes an answer; `isLast`: with `connection: close`. */
export type WriteAnswer = (isLast: boolean) => void;

/** A request that has come, until its answer and all before it are written. */
export class AnswerTurn {
  readonly #turns: AnswerTurns;
  /** Its answer is there. */
  write: WriteAnswer | undefined;
  isWritten = false;

  constructor(turns: AnswerTurns) {
    this.#turns = turns;
  }

  /** The answer is there; it is written now or in its turn. Once. */
  send(write: WriteAnswer): void {
    this.write = write;
    this.#turns.ready(this);
  }
}

export interface AnswerTurnEvents {
  /** The answer that is written next is the last. */
  onLast(): void;
  /** The connection was idle when it was to end; its answers have gone out. */
  onIdle(): void;
  /** An answer that waited for its turn could not be written: nobody else hears of it. */
  onFault(error: unknown): void;
}

export class AnswerTurns {
  readonly #ending: Ending;
  readonly #events: AnswerTurnEvents;
  readonly #open: AnswerTurn[] = [];
  /** Known once the server's patience is over. */
  #last: AnswerTurn | undefined;
  /** To the request that came last. */
  #newest: ServerResponse | undefined;
  #hasEnded = false;

  constructor(ending: Ending, events: AnswerTurnEvents) {
    this.#ending = ending;
    this.#events = events;
  }

  /** What comes now is no request any more. */
  get hasEnded(): boolean {
    return this.#hasEnded;
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
    // node:http may have answers that wait behind one that the client is slow to read.
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
    const last = this.#last ?? this.#open.at(-1);
    try {
      for (const turn of this.#open) if (turn !== last) this.#write(turn, false);
      this.#forgetWritten();
      // Its last answer was written before the drain began, behind one that was late.
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
