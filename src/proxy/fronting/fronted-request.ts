/**
 * One request to the application, and its answer: both are passed on as they come, neither is gathered. What either side
 * speaks is not known here (client-and-app.ts).
 *
 *   client ──▶ body ──pipe──▶ sent body ──▶ application
 *   client ◀── answer ◀─pipe── body     ◀──
 *
 *   [a slot, app-slots.ts] ──▶ sent ──▶ answered: head, body, trailers ──▶ over, once both bodies are through
 *    ├── 1xx: passed on, any number
 *    ├── the protocol changes ──▶ a tunnel (tunnel.ts)
 *    ├── refused unread ──▶ sent once more
 *    ├── the application fails, or the deadline passes ──▶ 502, 503, 504; once an answer has begun it is cut off
 *    └── the client leaves ──▶ the request to the application is broken off
 *
 * A pipe stops reading while the other side takes nothing, so what is held is what streams and sockets buffer. Broken
 * off means that a body never looks complete.
 */
import type { Readable } from 'node:stream';
import type { TimerHandle } from '../../core/clock.ts';
import type { ServingError } from '../../core/errors.ts';
import { callerInHeader } from '../caller.ts';
import { ErrorCode } from '../http2/error-code.ts';
import {
  answerTimeout,
  appFailure,
  brokenAnswer,
  connectTimeout,
  noGrpc,
  noStatus,
  stalledClient,
  unsendable,
  untakenAnswer,
  waitTimeout,
} from './app/app-errors.ts';
import type { SlotUser } from './app/app-slots.ts';
import { BodyFeed } from './body-feed.ts';
import type {
  AnswerHead,
  AppEvents,
  AppFailure,
  ClientEvents,
  ClientSide,
  ConnectionUser,
  RequestHead,
  SentRequest,
  TunnelEnd,
} from './client-and-app.ts';
import type { FrontedParts } from './fronted-parts.ts';
import type { ClientTrust } from './heads/app-headers.ts';
import { clientTrust } from './heads/client-trust.ts';
import { grpcEndOf } from './heads/grpc-answer.ts';
import { type RawHeaders, valuesOf } from './heads/hop-headers.ts';
import { sentHeaders, targetOf } from './heads/sent-request.ts';
import type { PlaceHolder } from './held-places.ts';
import { asUpgrade } from './http2-tunnel.ts';
import type { Abandonable } from './open-fronted.ts';
import { beginRecord, countAnswer, countRequest, recordTunnel } from './recorded.ts';
import { RequestTime } from './request-time.ts';
import type { FrontedOutcome, FrontedRecord } from './telemetry/fronted-record.ts';
import { joinTunnel } from './tunnel.ts';
import { UntakenAnswer } from './untaken-answer.ts';

/** A listener beside this server takes a connection at once, or has too many waiting. */
const CONNECT_MS = 5000;

/** How long an application that has answered may take for what it has not read of the body. */
const LEFT_OVER_MS = 10_000;

/** Methods that may be sent twice (RFC 9110, 9.2.2). */
const IDEMPOTENT: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']);

export class FrontedRequest implements ClientEvents, AppEvents, SlotUser, Abandonable, ConnectionUser, PlaceHolder {
  setIndex = -1;
  slot: SlotUser['slot'];
  readonly #client: ClientSide;
  readonly #head: RequestHead;
  readonly #parts: FrontedParts;
  readonly #trust: ClientTrust;
  readonly #record: FrontedRecord;
  readonly #time: RequestTime;
  readonly #feed: BodyFeed;
  readonly #untaken: UntakenAnswer;
  #connecting: TimerHandle | undefined;
  #sent: SentRequest | undefined;
  #hasAnswer = false;
  #isRetried = false;
  #isOver = false;
  /** The client has been told to send its body, if it waits for that. */
  #hasContinued = false;

  constructor(client: ClientSide, parts: FrontedParts) {
    this.#client = client;
    this.#head = asUpgrade(client.head);
    this.#parts = parts;
    this.#trust = clientTrust(client, parts);
    this.#record = beginRecord(client.head, this.#trust, parts);
    this.#time = new RequestTime(parts.clock, client.head);
    this.#untaken = new UntakenAnswer(parts.untaken, client.connection, () => {
      this.#cutOff('client_stalled', untakenAnswer(parts.app.address.text), ErrorCode.ENHANCE_YOUR_CALM);
    });
    this.#feed = new BodyFeed(client.body, parts.app.isHttp2);
    parts.underWay.add(this);
  }

  /** Call once. */
  start(): void {
    this.#client.begin(this);
  }

  onTurn(): void {
    if (this.#isOver) return;
    const { app } = this.#parts;
    const client = this.#client;
    if (client.fault !== undefined) this.#refuse(client.fault);
    else if (this.#head.isGrpc && this.#head.httpVersion === '2' && !app.isHttp2) {
      this.#refuse(noGrpc(app.address.text));
    } else if (this.#time.isTooShort(this.#head.isGrpc)) this.#refuse(this.#late());
    else {
      this.#time.start(() => {
        this.#time.abandon(false);
        this.#refuse(this.#late());
      });
      if (this.#head.hasBody) this.#feed.begin(() => (client.isWhole ? client.trailers : undefined));
      this.#enter();
    }
  }

  get hasDeadline(): boolean {
    return this.#time.timeoutMs !== undefined;
  }

  get isUntaken(): boolean {
    return this.#untaken.isUntaken;
  }

  get app(): object {
    return this.#parts.app;
  }

  get caller(): string {
    const { callers } = this.#parts;
    const named = callers.header && callerInHeader(valuesOf(this.#head.headers, callers.header)[0]);
    return named ?? callers.ofClient(this.#client.connection, this.#trust.told);
  }

  hasFewOpen(places: number): boolean {
    return this.#parts.underWay.hasFewOpen(this, places);
  }

  /** A stream of gRPC may be silent, and so may a client that has its answer and has not said how much it sends. */
  get owesBody(): boolean {
    const { hasBody, headers, isGrpc } = this.#head;
    if (!hasBody || isGrpc || this.#client.isWhole || this.#feed.isHeldUp) return false;
    if (this.#hasAnswer) return valuesOf(headers, 'content-length').length > 0;
    return this.#hasContinued || valuesOf(headers, 'expect').length === 0;
  }

  get requestBytes(): number {
    return this.#record.requestBytes;
  }

  get responseBytes(): number {
    return this.#record.responseBytes;
  }

  onTooSlow(error: ServingError): void {
    if (this.#hasAnswer) this.#cutOff('client_stalled', error);
    else this.#refuse(error);
  }

  onSlot(): void {
    this.#parts.places?.add(this);
    this.#send();
  }

  onTurnedAway(error: ServingError): void {
    this.#refuse(error);
  }

  onGone(code?: number): void {
    // A tunnel's record is over with the tunnel. The rest of a body that nobody wants does not make its answer worse.
    if (!this.#isOver) this.#record.over(this.#client.isAnswered ? 'ok' : 'client_left');
    // An answer that has begun is the application's to end.
    if (!this.#hasAnswer) this.#time.abandon(true);
    this.#end();
    this.#sent?.breakOff(code);
  }

  onStalled(): void {
    if (this.#hasAnswer)
      this.#cutOff('client_stalled', stalledClient(this.#parts.app.address.text), ErrorCode.ENHANCE_YOUR_CALM);
  }

  abandon(error: ServingError): void {
    this.#refuse(error);
  }

  onUnreadable(error: ServingError): void {
    this.#refuse(error);
  }

  onOver(): void {
    if (this.#isOver) return;
    this.#record.over('ok');
    this.#end();
    const { clock } = this.#parts;
    const sent = this.#sent;
    if (!this.#client.isWhole) sent?.breakOff();
    // The application has answered, and may read the rest of the body: but not for ever.
    else if (!this.#feed.isOver)
      clock.setTimer(clock.nowMs() + LEFT_OVER_MS, () => this.#feed.isOver || sent?.breakOff());
  }

  #enter(): void {
    const { slots } = this.#parts;
    if (slots === undefined) this.#send();
    else slots.enter(this);
  }

  #send(): void {
    const { method, target, hasBody, upgrade, isTls } = this.#head;
    const headers = sentHeaders(this.#head, this.#parts, this.#trust, this.#record, this.#time.leftMs());
    const request = { method, path: targetOf(target).path, headers, hasBody, upgrade, isTls, user: this };
    this.#time.carry(this.#parts.deadlines, this.#record, this);
    const sent = this.#parts.app.send(request, this);
    if (this.#isOver) sent.breakOff();
    else this.#sent = sent;
  }

  /** The error of a request whose deadline has passed. */
  #late(): ServingError {
    const { app, slots } = this.#parts;
    const { text } = app.address;
    const timeoutMs = this.#time.timeoutMs!;
    return slots?.isWaiting(this) === true ? waitTimeout(text, slots.max, timeoutMs) : answerTimeout(text, timeoutMs);
  }

  onConnecting(): void {
    const { clock, app, connectMs = CONNECT_MS } = this.#parts;
    if (this.#isOver) return;
    const late = (): void => this.#refuse(connectTimeout(app.address.text, connectMs));
    this.#connecting = clock.setTimer(clock.nowMs() + connectMs, late);
  }

  onConnected(): void {
    this.#connecting?.cancel();
    this.#record.connected();
  }

  onOpen(sent: SentRequest): void {
    if (this.#isOver) return;
    this.#sent = sent;
    this.#record.sent(this.#parts.app.isHttp2 ? '2' : '1.1');
    if (!this.#head.hasBody) sent.end([]);
    else {
      this.#feed.feed(sent);
      if (this.#record.sends === 1) countRequest(this.#client.body, this.#record);
    }
  }

  onInformation(status: number, headers: RawHeaders): void {
    if (this.#hasAnswer || this.#isOver) return;
    if (status !== 100) this.#client.inform(status, headers);
    else {
      this.#hasContinued = true;
      this.#client.continue();
    }
  }

  onHead(head: AnswerHead, body: Readable): void {
    if (this.#isOver || this.#hasAnswer) {
      this.#sent?.breakOff();
      return;
    }
    // Neither protocol has a way to pass it on.
    if (head.status < 100) {
      this.#refuse(noStatus(this.#parts.app.address.text, head.status));
      return;
    }
    this.#hasAnswer = true;
    this.#record.onHead(head.status, valuesOf(head.headers, 'content-type')[0]);
    if (head.isAll && this.#head.isGrpc) this.#record.onGrpcEnd(grpcEndOf(head.headers));
    this.#feed.forget();
    // A call of gRPC is bounded to its end; else a stream that has begun is cut by whoever has the deadline.
    if (!this.#head.isGrpc) this.#time.lift();
    this.#client.answer(head, (to) => {
      if (to === undefined || body.destroyed) this.#cutOff('app_cut', brokenAnswer(this.#parts.app.address.text));
      else {
        body.pipe(to, { end: false });
        countAnswer(body, this.#record);
        this.#untaken.watch(body);
      }
    });
  }

  onEnd(trailers: RawHeaders): void {
    if (this.#isOver) return;
    if (trailers.length > 0 && this.#head.isGrpc) this.#record.onGrpcEnd(grpcEndOf(trailers));
    // The rest of the answer is here, and the client may take its time.
    if (this.#client.isWhole || !this.#head.hasBody) this.#leaveSlot();
    this.#client.end(trailers);
  }

  onBroken(code?: number): void {
    this.#cutOff('app_cut', brokenAnswer(this.#parts.app.address.text), code);
  }

  onUnwanted(): void {
    if (!this.#isOver) this.#client.dropBody();
  }

  onUnsendable(error: Error): void {
    this.#refuse(unsendable(error));
  }

  onTunnel(head: AnswerHead, end: TunnelEnd): void {
    this.#hasAnswer = true;
    this.#record.onHead(head.status);
    if (this.#isOver) end.duplex.destroy();
    else this.#time.lift();
    this.#client.tunnel(head, (clientEnd) => {
      this.#end();
      this.#parts.underWay.addTunnel(clientEnd.duplex);
      joinTunnel(clientEnd, end);
      recordTunnel(clientEnd, end, this.#record);
    });
  }

  #leaveSlot(): void {
    this.#parts.slots?.leave(this);
    this.#parts.places?.remove(this);
  }

  /** The connection to the application has failed, or the application has refused the request. */
  onFailure(failure: AppFailure): void {
    if (this.#isOver || this.#hasAnswer) return;
    this.#connecting?.cancel();
    if (!this.#mayRetry(failure)) {
      this.#refuse(appFailure(this.#parts.app.address.text, failure.error), failure.code);
      return;
    }
    this.#isRetried = true;
    this.#feed.hold();
    this.#send();
  }

  /** Once: it has not been looked at, or the connection was closed just when it was sent. */
  #mayRetry({ isRefused, isStale }: AppFailure): boolean {
    const { hasBody, method } = this.#head;
    if (this.#isRetried) return false;
    if (isRefused) return !hasBody || this.#feed.canRepeat;
    return isStale && !hasBody && IDEMPOTENT.has(method);
  }

  /** Answers for the application; an answer that has begun is cut off. */
  #refuse(error: ServingError, code?: number): void {
    if (this.#isOver) return;
    if (this.#hasAnswer) {
      this.#cutOff(error.kind, error);
      return;
    }
    this.#hasAnswer = true;
    this.#record.over(error.kind, error);
    this.#end();
    this.#client.body.unpipe();
    this.#sent?.breakOff();
    this.#client.refuse(error, code);
  }

  #cutOff(outcome: FrontedOutcome, error: ServingError, code?: number): void {
    if (this.#isOver) return;
    this.#record.over(outcome, error);
    this.#end();
    this.#client.body.unpipe();
    this.#sent?.breakOff();
    this.#client.cutOff(error, code);
  }

  /** The one place where a request ends, whatever the reason. */
  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#time.end();
    this.#leaveSlot();
    this.#untaken.end();
    this.#connecting?.cancel();
    this.#client.release();
    this.#parts.underWay.remove(this);
  }
}
