/**
 * The head of an answer, in two forms: a list for node:http, bytes for the plain lane.
 *
 *   HTTP/1.1 200 OK │ content-type │ version │ common │ content-length │ server-timing │ extras │ date │ connection
 *   └──── bytes made once a status, type and version ────────────────┘                  └ bytes made once a second ┘
 */
import { Buffer } from 'node:buffer';
import { STATUS_CODES } from 'node:http';
import { writeAscii, writeInteger } from '../../codec/json/float-text.ts';
import { type Clock, httpDate, type Instant } from '../../core/clock.ts';
import type { StageClock } from '../../telemetry/stage-clock.ts';
import { MAX_TIMING_BYTES, serverTiming, writeServerTiming } from './server-timing.ts';

/** An answer, ready to be written. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer;
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
    const list = ['content-type', contentType, 'content-length', String(body.length)];
    list.push('server-timing', serverTiming(stages, now));
    if (version !== '') list.push(VERSION_HEADER, version);
    list.push(...this.common, ...extras);
    return list;
  }

  /** Head and body in one buffer. */
  write(answer: Answer): Buffer {
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
