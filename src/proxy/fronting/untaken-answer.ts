/** Watches whether a client takes its answer; while it does not, the answer's buffered bytes are charged to it. */
import type { Duplex, Readable } from 'node:stream';
import type { UntakenAnswers } from './untaken-answers.ts';

export class UntakenAnswer {
  /** The client has enough for now. */
  isUntaken = false;
  readonly #answers: UntakenAnswers | undefined;
  readonly #connection: Duplex;
  readonly #onFull: () => void;
  #isHeld = false;
  #isOver = false;

  /** `onFull`: no more may be held, and the answer must be given up. */
  constructor(answers: UntakenAnswers | undefined, connection: Duplex, onFull: () => void) {
    this.#answers = answers;
    this.#connection = connection;
    this.#onFull = onFull;
  }

  /** Call once the body flows to the client, which pauses it. */
  watch(body: Readable): void {
    // A stream pauses at its end, too.
    body.on('pause', () => body.readableEnded || this.#onPause());
    body.on('resume', () => this.#take());
  }

  /** The answer is over: nothing is charged any more. */
  end(): void {
    this.#isOver = true;
    this.#take();
  }

  #onPause(): void {
    if (this.#isOver || this.isUntaken) return;
    this.isUntaken = true;
    if (this.#answers === undefined) return;
    this.#isHeld = this.#answers.hold(this.#connection);
    if (!this.#isHeld) this.#onFull();
  }

  #take(): void {
    this.isUntaken = false;
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#answers!.release(this.#connection);
  }
}
