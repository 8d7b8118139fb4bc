/**
 * A request's body as one Buffer, no longer than the limit, inflated where its Content-Encoding says so.
 *
 * - Over the limit: `too_large`, at once if Content-Length says so, else as soon as it is; also what it would inflate
 *   to.
 * - gzip and deflate are read (off the event loop), any other encoding is `unsupported`.
 * - A body in one piece is not copied.
 * - `stop`: the answer was decided without the body (deadline, client gone). Nothing more is kept, and the promise
 *   stays as it is: nobody waits for it.
 */
import { Buffer } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { unzip } from 'node:zlib';
import { ServingError } from '../../core/errors.ts';
import { quoteName } from '../handlers/list-names.ts';

type Encoding = 'identity' | 'deflated';

const ENCODINGS: Readonly<Record<string, Encoding>> = {
  '': 'identity',
  identity: 'identity',
  gzip: 'deflated',
  'x-gzip': 'deflated',
  deflate: 'deflated',
};

export class BodyReader {
  /** Why the body is not wanted, if its headers say enough. */
  readonly refusal: ServingError | undefined;
  /** The body as sent has arrived whole. */
  isComplete = false;
  /** Bytes as they arrived. */
  receivedBytes = 0;
  readonly #request: IncomingMessage;
  readonly #maxBytes: number;
  readonly #encoding: Encoding | undefined;
  #chunks: Buffer[] = [];
  #isStopped = false;

  constructor(request: IncomingMessage, maxBytes: number) {
    const { headers } = request;
    const encodingName = headers['content-encoding']?.trim().toLowerCase() ?? '';
    this.#request = request;
    this.#maxBytes = maxBytes;
    this.#encoding = ENCODINGS[encodingName];
    if (this.#encoding === undefined) this.refusal = unknownEncoding(encodingName);
    else if (Number(headers['content-length'] ?? 0) > maxBytes)
      this.refusal = this.#tooLarge(headers['content-length']);
  }

  /** Once, and only if there is no `refusal`. Rejects with ServingError. */
  async read(): Promise<Buffer> {
    const body = await this.#receive();
    return this.#encoding === 'deflated' ? this.#inflate(body) : body;
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
        // A request that broke off ends with 'close' alone: its response's 'close' tells the exchange.
        this.isComplete = request.complete;
        const chunks = this.#chunks;
        this.#chunks = [];
        if (!this.#isStopped && this.isComplete) resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
      });
      // Else an 'error' of a connection that broke off would be nobody's.
      request.once('error', () => this.stop());
    });
  }

  #inflate(body: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      unzip(body, { maxOutputLength: this.#maxBytes }, (error, inflated) => {
        if (error === null) resolve(inflated);
        else if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE')
          reject(this.#tooLarge('more, inflated'));
        else
          reject(
            new ServingError(
              'invalid_request',
              'the body is not what its Content-Encoding says: it cannot be inflated',
            ),
          );
      });
    });
  }

  #tooLarge(bytes: string | undefined): ServingError {
    const limit = `the limit is ${this.#maxBytes} bytes, but the body has ${bytes}`;
    return new ServingError('too_large', `${limit}; send fewer rows a request, or raise --max_message_bytes`);
  }
}

function unknownEncoding(name: string): ServingError {
  return new ServingError(
    'unsupported',
    `the body has Content-Encoding ${quoteName(name)}; send it as it is, or as gzip or deflate`,
  );
}
