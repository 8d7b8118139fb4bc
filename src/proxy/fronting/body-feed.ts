/**
 * The client's body on its way to the application. Its beginning is kept until the application has begun to answer, so
 * that a request which the application has refused unread can be sent again, whole:
 *
 *   body ──┬──▶ sent request
 *          └──▶ kept, up to KEPT_BYTES ──▶ the next one, if there is one
 */
import type { Buffer } from 'node:buffer';
import type { Readable } from 'node:stream';
import type { SentRequest } from './client-and-app.ts';
import type { RawHeaders } from './heads/hop-headers.ts';

/** A unary call of gRPC has less, mostly. */
const KEPT_BYTES = 64 * 1024;

export class BodyFeed {
  readonly #body: Readable;
  #sent: SentRequest | undefined;
  #kept: Buffer[] | undefined;
  #keptBytes = 0;
  #isKeeping = false;
  #isOver = true;
  /** Set at the body's end, if it is whole. */
  #trailers: RawHeaders | undefined;

  /** @param keeps whether the body may have to be sent again */
  constructor(body: Readable, keeps: boolean) {
    this.#body = body;
    if (keeps) this.#kept = [];
  }

  /** `trailersAtEnd`: undefined if the body has ended and is not whole: then it must not look so. */
  begin(trailersAtEnd: () => RawHeaders | undefined): void {
    this.#isOver = false;
    this.#body.once('end', () => {
      this.#isOver = true;
      this.#trailers = trailersAtEnd();
      if (this.#trailers !== undefined) this.#sent?.end(this.#trailers);
    });
  }

  /** The body has been handed over whole, or there is none. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** The next side takes no more for now, or there is none yet. */
  get isHeldUp(): boolean {
    return this.#sent === undefined || this.#sent.body.writableNeedDrain;
  }

  /** All of the body so far can be sent again. */
  get canRepeat(): boolean {
    return this.#kept !== undefined;
  }

  /** Sends the body from its beginning. */
  feed(sent: SentRequest): void {
    this.#sent = sent;
    for (const chunk of this.#kept ?? []) sent.body.write(chunk);
    if (this.#trailers !== undefined) sent.end(this.#trailers);
    else {
      // A listener lets the body flow: not before there is somewhere for it to go.
      if (this.#kept !== undefined && !this.#isKeeping) this.#body.on('data', this.#keep);
      this.#isKeeping = true;
      this.#body.pipe(sent.body, { end: false });
    }
  }

  /** Holds the body back until the next `feed`. */
  hold(): void {
    this.#sent = undefined;
    this.#body.unpipe();
    this.#body.pause();
  }

  /** It will not have to be sent again. */
  forget(): void {
    this.#kept = undefined;
    this.#body.off('data', this.#keep);
  }

  readonly #keep = (chunk: Buffer): void => {
    this.#keptBytes += chunk.length;
    if (this.#keptBytes > KEPT_BYTES) this.forget();
    else this.#kept?.push(chunk);
  };
}
