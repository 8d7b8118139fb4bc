/**
 * The head of an answer, in two forms: a list for node:http, bytes for the plain lane.
 *
 *   HTTP/1.1 200 OK │ content-type │ version │ common │ content-length │ server-timing │ extras │ date │ connection
 *   └──── bytes made once a status, type and version ────────────────┘                  └ bytes made once a second ┘
 */
import { Buffer } from 'node:buffer';
import { STATUS_CODES } from 'node:http';
import { COMMA, POINT, SPACE, ZERO } from '../../codec/json/json-chars.ts';
import { writeAscii, writeInteger } from '../../codec/json/json-writer.ts';
import { type Clock, httpDate, type Instant } from '../../core/clock.ts';
import { STAGES, type StageClock } from '../../ledger/stage-clock.ts';
import { type HttpBody, SlicedBody } from '../sliced-body.ts';

/** An answer, ready to be written. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: HttpBody;
  /** The version that answered or refused; '' if none was chosen. */
  readonly version: string;
  /** Server-Timing shows these stages, the last one up to `now`. */
  readonly stages: StageClock;
  readonly now: Instant;
  /** More headers: names and values in turn. */
  readonly extras: readonly string[];
  /** It is the connection's last answer. */
  readonly endsConnection: boolean;
}

export const JSON_TYPE = 'application/json';
/** The version that answered. Over gRPC the answer's model_spec has it. */
export const VERSION_HEADER = 'x-pillion-model-version';

const OK = 200;
const TIMING = '\r\nserver-timing: ';
/** Digits of any safe integer. */
const MAX_INTEGER = 16;
/** Bound on the starts that are kept: versions come and go. */
const MAX_STARTS = 256;

/** An answer whose body is whole. */
export interface WholeAnswer extends Answer {
  readonly body: Buffer;
}

/** Writes the heads of one server's answers, and keeps their constant parts. */
export class AnswerHeads {
  /** Headers of every answer: names and values in turn. */
  readonly common: readonly string[];
  readonly #clock: Clock;
  /** Starts of nearly every answer, 200 with JSON, by version. */
  readonly #usual = new Map<string, Buffer>();
  readonly #starts = new Map<string, Buffer>();
  #date = '';
  #keepAlive = Buffer.alloc(0);
  #close = Buffer.alloc(0);

  constructor(clock: Clock, common: readonly string[] = []) {
    this.#clock = clock;
    this.common = common;
  }

  /** Names and values in turn, without `date` and `connection`, which node:http adds. */
  list({ contentType, body, version, stages, now, extras }: Answer): string[] {
    const list = ['content-type', contentType];
    if (!(body instanceof SlicedBody)) list.push('content-length', String(body.length));
    list.push('server-timing', serverTiming(stages, now));
    if (version !== '') list.push(VERSION_HEADER, version);
    list.push(...this.common, ...extras);
    return list;
  }

  /** The head alone, of an answer whose body comes in chunks. */
  chunked(answer: Answer): Buffer {
    const lines = [`HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? ''}`];
    const list = this.list(answer);
    for (let i = 0; i < list.length; i += 2) lines.push(`${list[i]}: ${list[i + 1]}`);
    lines.push('transfer-encoding: chunked');
    return Buffer.concat([Buffer.from(lines.join('\r\n'), 'latin1'), this.#endOf(answer.endsConnection)]);
  }

  /** Head and body in one buffer. */
  write(answer: WholeAnswer): Buffer {
    const { body, extras } = answer;
    const start = this.#startOf(answer);
    const end = this.#endOf(answer.endsConnection);
    let room = start.length + MAX_INTEGER + TIMING.length + MAX_TIMING_BYTES + end.length + body.length;
    for (const text of extras) room += text.length + 2;
    const out = Buffer.allocUnsafe(room);
    out.set(start, 0);
    let at = writeInteger(out, start.length, body.length);
    at = writeAscii(out, at, TIMING);
    at = writeServerTiming(out, at, answer.stages, answer.now);
    for (let i = 0; i < extras.length; i += 2) {
      at += out.write(`\r\n${extras[i]}: ${extras[i + 1]}`, at, 'latin1');
    }
    out.set(end, at);
    out.set(body, at + end.length);
    return out.subarray(0, at + end.length + body.length);
  }

  #startOf({ status, contentType, version }: Answer): Buffer {
    const isUsual = status === OK && contentType === JSON_TYPE;
    const starts = isUsual ? this.#usual : this.#starts;
    const key = isUsual ? version : `${status} ${contentType} ${version}`;
    const known = starts.get(key);
    if (known !== undefined) return known;
    const lines = [`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`, `content-type: ${contentType}`];
    if (version !== '') lines.push(`${VERSION_HEADER}: ${version}`);
    for (let i = 0; i < this.common.length; i += 2) lines.push(`${this.common[i]}: ${this.common[i + 1]}`);
    const start = Buffer.from(`${lines.join('\r\n')}\r\ncontent-length: `, 'latin1');
    if (starts.size === MAX_STARTS) starts.clear();
    starts.set(key, start);
    return start;
  }

  #endOf(endsConnection: boolean): Buffer {
    const date = httpDate(this.#clock);
    if (date !== this.#date) {
      this.#date = date;
      this.#keepAlive = Buffer.from(`\r\ndate: ${date}\r\nconnection: keep-alive\r\n\r\n`, 'latin1');
      this.#close = Buffer.from(`\r\ndate: ${date}\r\nconnection: close\r\n\r\n`, 'latin1');
    }
    return endsConnection ? this.#close : this.#keepAlive;
  }
}

const LABELS: readonly string[] = STAGES.map((stage) => `${stage};dur=`);
/** 16 digits and a point. */
const MAX_TIME_BYTES = 17;
/** The longest header. */
const MAX_TIMING_BYTES = LABELS.reduce((sum, label) => sum + label.length + MAX_TIME_BYTES + 2, 0);

/**
 * The `Server-Timing` header of an answer: the stages of the request, in milliseconds with three decimals
 * (https://www.w3.org/TR/server-timing/). Browsers' developer tools and many clients show it.
 *
 *   receive;dur=0.041, decode;dur=0.009, admit;dur=0.004, queue;dur=0.31, batch;dur=0.006, execute;dur=0.522, …
 *
 * The last stage, encode, ends when the header is written.
 */
export function serverTiming(stages: StageClock, now: Instant): string {
  const out = Buffer.allocUnsafe(MAX_TIMING_BYTES);
  return out.toString('latin1', 0, writeServerTiming(out, 0, stages, now));
}

/** `out` has room for MAX_TIMING_BYTES at `start`. Returns the end of the text. */
function writeServerTiming(out: Buffer, start: number, stages: StageClock, now: Instant): number {
  let at = start;
  for (let stage = 0; stage < LABELS.length && stages.has(stage); stage++) {
    if (stage > 0) {
      out[at++] = COMMA;
      out[at++] = SPACE;
    }
    at = writeMillis(out, writeAscii(out, at, LABELS[stage]!), Math.round(stages.lengthOf(stage, now) * 1000));
  }
  return at;
}

/** Writes microseconds as milliseconds, without trailing zeros. */
function writeMillis(out: Buffer, start: number, micros: number): number {
  const whole = Math.floor(micros / 1000);
  const rest = micros - whole * 1000;
  let at = writeInteger(out, start, whole);
  if (rest === 0) return at;
  out[at++] = POINT;
  out[at++] = ZERO + Math.floor(rest / 100);
  if (rest % 100 === 0) return at;
  out[at++] = ZERO + (Math.floor(rest / 10) % 10);
  if (rest % 10 === 0) return at;
  out[at++] = ZERO + (rest % 10);
  return at;
}
