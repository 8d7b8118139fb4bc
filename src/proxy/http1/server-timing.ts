/**
 * The `Server-Timing` header of an answer: the stages of the request, in milliseconds with three decimals
 * (https://www.w3.org/TR/server-timing/). Browsers' developer tools and many clients show it.
 *
 *   receive;dur=0.041, decode;dur=0.009, admit;dur=0.004, queue;dur=0.31, batch;dur=0.006, execute;dur=0.522, …
 *
 * The last stage, encode, ends when the header is written.
 */
import { Buffer } from 'node:buffer';
import { writeAscii, writeInteger } from '../../codec/json/float-text.ts';
import { COMMA, POINT, SPACE, ZERO } from '../../codec/json/json-chars.ts';
import type { Instant } from '../../core/clock.ts';
import { STAGES, type StageClock } from '../../telemetry/stage-clock.ts';

const LABELS: readonly string[] = STAGES.map((stage) => `${stage};dur=`);
/** 16 digits and a point. */
const MAX_TIME_BYTES = 17;
/** The longest header. */
export const MAX_TIMING_BYTES = LABELS.reduce((sum, label) => sum + label.length + MAX_TIME_BYTES + 2, 0);

export function serverTiming(stages: StageClock, now: Instant): string {
  const out = Buffer.allocUnsafe(MAX_TIMING_BYTES);
  return out.toString('latin1', 0, writeServerTiming(out, 0, stages, now));
}

/** `out` has room for MAX_TIMING_BYTES at `start`. Returns the end of the text. */
export function writeServerTiming(out: Buffer, start: number, stages: StageClock, now: Instant): number {
  let at = start;
  for (let stage = 0; stage < LABELS.length && stages.has(stage); stage++) {
    const isLast = stage + 1 === LABELS.length || !stages.has(stage + 1);
    const end = isLast ? now : stages.startOf(stage + 1);
    if (stage > 0) {
      out[at++] = COMMA;
      out[at++] = SPACE;
    }
    at = writeMillis(out, writeAscii(out, at, LABELS[stage]!), Math.round((end - stages.startOf(stage)) * 1000));
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
