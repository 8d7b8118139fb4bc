/**
 * The Transport over node:http. A request that is answered before its body has arrived keeps its connection if the rest
 * is small, and else ends it (lingering-end.ts).
 */
import type { Buffer } from 'node:buffer';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Visitor } from '../access-control.ts';
import type { ToldClient } from '../caller.ts';
import { peerAddressOf } from '../net/peer-address.ts';
import { SlicedBody } from '../sliced-body.ts';
import type { Answer } from './answer-head.ts';
import { type AnswerTurn, keepHeadBehind } from './answer-turns.ts';
import { type BodyOwner, BodyReader } from './body/body-reader.ts';
import { readMessageBody } from './body/node-body.ts';
import { endLingering, SMALL_REST_BYTES } from './lingering-end.ts';
import { type RequestFields, readFields } from './request-fields.ts';
import { writeSlices } from './sliced-answer.ts';
import type { ReplyingTransport, TransportParts } from './transport.ts';

export class NodeTransport implements ReplyingTransport {
  readonly fields: RequestFields;
  readonly headers: IncomingHttpHeaders;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #turn: AnswerTurn;
  readonly #parts: TransportParts;
  readonly #expectsContinue: boolean;
  #body: BodyReader | undefined;

  /** `expectsContinue`: the client waits for "100 Continue" before it sends the body. */
  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    turn: AnswerTurn,
    parts: TransportParts,
    expectsContinue: boolean,
  ) {
    this.headers = request.headers;
    this.fields = readFields(request.headers, parts.callers, request, () => request.headersDistinct);
    this.#request = request;
    this.#response = response;
    this.#turn = turn;
    this.#parts = parts;
    this.#expectsContinue = expectsContinue;
  }

  get peer(): string {
    return peerAddressOf(this.#request.socket).address ?? 'unix';
  }

  get client(): ToldClient | undefined {
    const { client } = this.fields;
    return client !== undefined && this.#parts.callers.trusts(this.#request.socket) ? client : undefined;
  }

  get unnamedCaller(): string {
    return this.#parts.callers.ofClient(this.#request.socket, this.client);
  }

  get visitor(): Visitor | undefined {
    return this.#parts.callers.visitorOf(this.#request.socket);
  }

  get isOpen(): boolean {
    return !this.#request.socket.destroyed;
  }

  get hasRequest(): boolean {
    return this.#request.complete;
  }

  get receivedBytes(): number {
    return this.#body?.receivedBytes ?? 0;
  }

  readBody(maxBytes: number, owner: BodyOwner): Promise<Buffer> {
    const request = this.#request;
    const reader = new BodyReader(request.headers, maxBytes, owner, this.#parts.bodies);
    this.#body = reader;
    if (reader.refusal !== undefined) throw reader.refusal;
    if (this.#expectsContinue) this.#response.writeContinue();
    return readMessageBody(request, reader);
  }

  stopBody(): void {
    this.#body?.stop();
  }

  send(answer: Answer): void {
    this.#turn.send((isLast) => this.#write(answer, isLast || answer.endsConnection));
  }

  reply(status: number, headers: readonly string[], body?: Buffer): void {
    const response = this.#response;
    this.#turn.send((isLast) => {
      response.writeHead(status, isLast ? [...headers, 'connection', 'close'] : [...headers]).end(body);
    });
    if (body !== undefined) this.#parts.unsent.track(this.#request.socket, response, body.length);
  }

  destroy(): void {
    this.stopBody();
    this.#request.socket.destroy();
  }

  #write(answer: Answer, endsConnection: boolean): void {
    if (!this.isOpen) return;
    const { status, body } = answer;
    const response = this.#response;
    const request = this.#request;
    const rest = this.#restOfBody();
    const headers = this.#parts.heads.list(answer);
    if (endsConnection || rest > SMALL_REST_BYTES) headers.push('connection', 'close');
    response.writeHead(status, headers);
    if (this.#expectsContinue) keepHeadBehind(response);
    if (body instanceof SlicedBody) {
      void this.#writeSliced(body);
      return;
    }
    if (rest > SMALL_REST_BYTES) endLingering(this.#parts.clock, request, response, body);
    else {
      response.end(body);
      if (rest > 0) request.resume();
    }
    this.#parts.unsent.track(request.socket, response, body.length);
  }

  /** Never rejects. Its request has been read. */
  async #writeSliced(body: SlicedBody): Promise<void> {
    const { unsent } = this.#parts;
    const response = this.#response;
    const { socket } = this.#request;
    const write = (slice: Buffer): boolean => response.write(slice);
    if (await writeSlices(body, { socket, unsent, to: response, write })) response.end();
  }

  /** Upper bound on the bytes of the body that are still to come. */
  #restOfBody(): number {
    const { headers } = this.#request;
    if (this.#body?.isComplete) return 0;
    if (headers['transfer-encoding'] !== undefined) return Infinity;
    return Number(headers['content-length'] ?? 0) - this.receivedBytes;
  }
}
