/**
 * Reads a request's body into one Buffer, and decompresses it if it has a Content-Encoding.
 *
 * - A body over the limit is `too_large`: at once if Content-Length says so, else as soon as it is. The limit counts
 *   for the decompressed body too.
 * - gzip, deflate, br and zstd are read (coding/content-coding.ts); any other encoding is `unsupported`.
 * - A body in one piece is not copied.
 * - `stop`: the request was answered without its body (deadline, client gone). Nothing more is kept, and the promise is
 *   never settled.
 */
import { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { ServingError } from '../../core/errors.ts';
import { DecodedTooLarge, decodeBody, parseContentEncoding } from './coding/content-coding.ts';

export class BodyReader {
  /** Why the body is refused, if its headers say enough. */
  readonly refusal: ServingError | undefined;
  /** The whole body has arrived. */
  isComplete = false;
  /** Bytes received, not decompressed. */
  receivedBytes = 0;
  readonly #request: IncomingMessage;
  readonly #maxBytes: number;
  readonly #codings: readonly string[];
  #chunks: Buffer[] = [];
  #isStopped = false;

  constructor(request: IncomingMessage, maxBytes: number) {
    const { headers } = request;
    const codings = parseContentEncoding(headers['content-encoding']);
    this.#request = request;
    this.#maxBytes = maxBytes;
    this.#codings = codings instanceof ServingError ? [] : codings;
    if (codings instanceof ServingError) this.refusal = codings;
    else if (Number(headers['content-length'] ?? 0) > maxBytes)
      this.refusal = this.#tooLarge(headers['content-length']);
  }

  /** Call once, and only without a `refusal`. Rejects with ServingError. */
  async read(): Promise<Buffer> {
    const body = await this.#receive();
    return this.#codings.length === 0 ? body : this.#decode(body);
  }

  stop(): void {
    this.#isStopped = true;
    this.#chunks = [];
  }

  #receive(): Promise<Buffer> {
    const request = this.#request;
    return new Promise((resolve, reject) => {
      request.on('data', (chunk: Buffer) => {
        if (this.#isStopped) return;
        this.receivedBytes += chunk.length;
        this.#chunks.push(chunk);
        if (this.receivedBytes <= this.#maxBytes) return;
        this.stop();
        reject(this.#tooLarge('more'));
      });
      request.once('end', () => {
        // A request that broke off only emits 'close'; the connection aborts its exchange.
        this.isComplete = request.complete;
        const chunks = this.#chunks;
        this.#chunks = [];
        if (!this.#isStopped && this.isComplete) resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
      });
      // Without a listener the 'error' of a connection that broke off would be uncaught.
      request.once('error', () => this.stop());
    });
  }

  async #decode(body: Buffer): Promise<Buffer> {
    try {
      return await decodeBody(body, this.#codings, this.#maxBytes);
    } catch (error) {
      throw error instanceof DecodedTooLarge ? this.#tooLarge('more, inflated') : error;
    }
  }

  #tooLarge(bytes: string | undefined): ServingError {
    const limit = `the limit is ${this.#maxBytes} bytes, but the body has ${bytes}`;
    return new ServingError('too_large', `${limit}; send fewer rows a request, or raise --max_message_bytes`);
  }
}
