/**
 * The head of an answer, in the two forms that are needed: a list for node:http, bytes for the plain lane.
 *
 *   HTTP/1.1 200 OK │ content-type │ content-length │ server-timing │ extras │ date │ connection
 *   └─── bytes made once a status ────┘                                └ bytes made once a second ┘
 */
import { Buffer } from 'node:buffer';
import { STATUS_CODES } from 'node:http';
import { type Clock, httpDate, type Instant } from '../../core/clock.ts';
import type { StageClock } from '../../telemetry/stage-clock.ts';
import { writeAscii, writeInteger } from './float-text.ts';
import { MAX_TIMING_BYTES, serverTiming, writeServerTiming } from './server-timing.ts';

/** An answer of ours: JSON, always. */
export interface Answer {
  readonly status: number;
  readonly body: Buffer;
  /** What Server-Timing tells, up to `now`. */
  readonly stages: StageClock;
  readonly now: Instant;
  /** Further headers: names and values in turn. */
  readonly extras: readonly string[];
  /** It is the connection's last answer. */
  readonly endsConnection: boolean;
}

const JSON_TYPE = 'application/json';
const TIMING = '\r\nserver-timing: ';
/** Digits of any safe integer. */
const MAX_INTEGER = 16;

/** Names and values in turn, but for `date` and `connection`, which node:http adds. */
export function headerList({ body, stages, now, extras }: Answer): string[] {
  const timing = serverTiming(stages, now);
  return ['content-type', JSON_TYPE, 'content-length', String(body.length), 'server-timing', timing, ...extras];
}

/** Writes heads; keeps what is the same in all of them. One for each server. */
export class AnswerHeads {
  readonly #clock: Clock;
  readonly #starts = new Map<number, Buffer>();
  #date = '';
  #keepAlive = Buffer.alloc(0);
  #close = Buffer.alloc(0);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Head and body in one piece. */
  write(answer: Answer): Buffer {
    const { status, body, extras } = answer;
    const start = this.#startOf(status);
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

  #startOf(status: number): Buffer {
    const known = this.#starts.get(status);
    if (known !== undefined) return known;
    const line = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`;
    const start = Buffer.from(`${line}\r\ncontent-type: ${JSON_TYPE}\r\ncontent-length: `, 'latin1');
    this.#starts.set(status, start);
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
