/** The Transport of plain requests (plain-connection.ts): a body that came with its head, or one that still arrives. */
import type { Buffer } from 'node:buffer';
import type { Visitor } from '../access-control.ts';
import { callerFar, type ToldClient } from '../caller.ts';
import { SlicedBody } from '../sliced-body.ts';
import type { Answer, WholeAnswer } from './answer-head.ts';
import type { BodyOwner } from './body/body-reader.ts';
import type { PlainBody } from './body/plain-body.ts';
import { bodyTooLarge } from './http-errors.ts';
import type { RequestFields } from './request-fields.ts';
import type { Transport } from './transport.ts';

/** The request's connection. */
interface AnsweringConnection {
  readonly peer: string;
  readonly caller: string;
  readonly isTrusted: boolean;
  readonly visitor: Visitor | undefined;
  readonly isOpen: boolean;
  answer(answer: WholeAnswer): void;
  answerSliced(answer: Answer, body: SlicedBody): Promise<void>;
  destroy(): void;
}

export class PlainTransport implements Transport {
  readonly fields: RequestFields;
  readonly peer: string;
  readonly #connection: AnsweringConnection;
  readonly #body: Buffer;
  /** Undefined if all of the body is in `#body`. */
  readonly #arriving: PlainBody | undefined;

  /** `body`: what has come of it; `arriving`: where the whole of it goes, if there is more. */
  constructor(connection: AnsweringConnection, fields: RequestFields, body: Buffer, arriving: PlainBody | undefined) {
    this.fields = fields;
    this.peer = connection.peer;
    this.#connection = connection;
    this.#body = body;
    this.#arriving = arriving;
  }

  get client(): ToldClient | undefined {
    const { client } = this.fields;
    return client !== undefined && this.#connection.isTrusted ? client : undefined;
  }

  get unnamedCaller(): string {
    const address = this.client?.address;
    return address === undefined ? this.#connection.caller : callerFar(address);
  }

  get visitor(): Visitor | undefined {
    return this.#connection.visitor;
  }

  get isOpen(): boolean {
    return this.#connection.isOpen;
  }

  get hasRequest(): boolean {
    return this.#arriving === undefined || this.#arriving.missingBytes === 0;
  }

  get receivedBytes(): number {
    return this.#arriving === undefined ? this.#body.length : this.#arriving.receivedBytes;
  }

  readBody(maxBytes: number, owner: BodyOwner): Buffer | Promise<Buffer> {
    const { length } = this.#arriving ?? this.#body;
    if (length > maxBytes) throw bodyTooLarge(maxBytes, length);
    return this.#arriving === undefined ? this.#body : this.#arriving.read(owner);
  }

  stopBody(): void {
    this.#arriving?.stop();
  }

  recycleBody(): void {
    this.#arriving?.recycle();
  }

  send(answer: Answer): void {
    const { body } = answer;
    if (body instanceof SlicedBody) void this.#connection.answerSliced(answer, body);
    else this.#connection.answer(answer as WholeAnswer);
  }

  destroy(): void {
    this.#connection.destroy();
  }
}
