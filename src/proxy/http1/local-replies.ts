/**
 * Answers that concern no model, and so have no exchange and no record: the metrics page, the server's health, the
 * description of the API, and OPTIONS.
 */
import { Buffer } from 'node:buffer';
import { type AnswerHeads, JSON_TYPE } from './answer-head.ts';
import { ANSWER_CODINGS, chooseCoding, compressAnswer } from './coding/answer-coding.ts';
import { preflightHeaders } from './cors.ts';
import { errorBody } from './http-errors.ts';
import type { Replier } from './transport.ts';

/** The answer to a scrape, the same on every port. */
export interface MetricsPage {
  readonly contentType: string;
  readonly text: string;
}

/** Makes the page of metrics for a request with this `accept` header. */
export type MetricsPageMaker = (accept: string | undefined) => Promise<MetricsPage>;

export interface LocalRepliesOptions {
  readonly heads: AnswerHeads;
  /** Undefined: no path is that of the metrics. */
  readonly metrics: MetricsPageMaker | undefined;
  /** Pages of this size and above are compressed for clients that accept it. */
  readonly compressFromBytes: number;
  /** OPTIONS answers the preflight requests of browsers. */
  readonly hasCors: boolean;
}

export class LocalReplies {
  readonly #options: LocalRepliesOptions;
  /** The page that is being made: who asks meanwhile, say by many requests sent ahead, gets the same. */
  #making: { readonly accept: string | undefined; readonly page: Promise<Page> } | undefined;

  constructor(options: LocalRepliesOptions) {
    this.#options = options;
  }

  /** `allow`: the methods of the path. */
  options(to: Replier, allow: string): void {
    const { hasCors } = this.#options;
    const cors = hasCors ? preflightHeaders(to.headers) : [];
    to.reply(200, ['allow', allow, 'content-length', '0', ...cors]);
  }

  json(to: Replier, status: number, value: object): void {
    const body = Buffer.from(JSON.stringify(value));
    const head = ['content-type', JSON_TYPE, 'content-length', String(body.length), ...this.#options.heads.common];
    to.reply(status, head, body);
  }

  /** A page that is always the same. */
  async page(to: Replier, page: Page): Promise<void> {
    const { heads, compressFromBytes } = this.#options;
    const { contentType, bytes } = page;
    const accepted = to.headers['accept-encoding'];
    const coding = bytes.length < compressFromBytes ? undefined : chooseCoding(String(accepted ?? ''), ANSWER_CODINGS);
    const body = coding === undefined ? bytes : await compressAnswer(bytes, coding);
    const encoding = coding === undefined ? [] : ['content-encoding', coding];
    const length = ['content-length', String(body.length)];
    to.reply(200, ['content-type', contentType, ...length, ...encoding, ...heads.common], body);
  }

  /** Rejects, after an answer of 500, with the cause if the metrics cannot be read. */
  async metrics(to: Replier): Promise<void> {
    const { heads } = this.#options;
    try {
      await this.page(to, await this.#page(to.headers.accept));
    } catch (error) {
      const body = errorBody('the metrics cannot be read; the server log has the cause');
      const length = ['content-length', String(body.length)];
      to.reply(500, ['content-type', JSON_TYPE, ...length, ...heads.common], body);
      throw error;
    }
  }

  #page(accept: string | undefined): Promise<Page> {
    if (this.#making !== undefined && this.#making.accept === accept) return this.#making.page;
    const page = this.#options.metrics!(accept).then(({ contentType, text }) => ({
      contentType,
      bytes: Buffer.from(text, 'utf8'),
    }));
    const making = { accept, page };
    this.#making = making;
    const end = (): void => {
      if (this.#making === making) this.#making = undefined;
    };
    page.then(end, end);
    return page;
  }
}

export interface Page {
  readonly contentType: string;
  readonly bytes: Buffer;
}
