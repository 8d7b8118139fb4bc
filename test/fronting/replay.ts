/** Gives real servers the bytes that an application was sent, and asks them how many requests they find in these. */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { exchangeAll } from './exchange.ts';
import type { SeenRequest } from './strict-reader.ts';

const LAST = Buffer.from('GET /last HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n');

/** As the applications say it in `x-saw`. */
export function asSeen({ method, target, body }: SeenRequest): string {
  const bytes = Buffer.from(body, 'latin1');
  return `${method} ${plain(target)} ${bytes.length} ${createHash('sha256').update(bytes).digest('hex').slice(0, 8)}`;
}

/** ASGI has no way to tell an empty query from none. */
function plain(text: string): string {
  return text.replace(/\?(?= |$)/, '');
}

/** What a server has found in the bytes. Requests that it refuses are not among it. */
export async function replay(address: string, stream: Buffer): Promise<readonly string[]> {
  const answers = await exchangeAll(address, Buffer.concat([stream, LAST]));
  return answers.map(({ saw }) => plain(saw)).filter((saw) => saw !== '' && !saw.startsWith('GET /last '));
}

/** Every text of `some` is among `all`, in the same order. */
export function isWithin(some: readonly string[], all: readonly string[]): boolean {
  let at = 0;
  for (const text of all) if (text === some[at]) at += 1;
  return at === some.length;
}
