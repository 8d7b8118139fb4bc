/** What the tests of fronted applications share: requests, hashes of the pattern, memory. */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type IncomingMessage, type RequestOptions, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';

export const PATTERN = Buffer.from(Uint8Array.from({ length: 65_536 }, (_, i) => i * 7 + (i >> 8) * 13));

/** `bytes` of the pattern, made as they are read. */
export function patternOf(bytes: number): Readable {
  function* blocks(): Generator<Buffer> {
    for (let left = bytes; left > 0; left -= PATTERN.length) yield PATTERN.subarray(0, left);
  }
  return Readable.from(blocks());
}

export async function hashOf(stream: Readable): Promise<{ readonly bytes: number; readonly sha256: string }> {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of stream) {
    hash.update(chunk as Buffer);
    bytes += (chunk as Buffer).length;
  }
  return { bytes, sha256: hash.digest('hex') };
}

/** An answer, whose body is not read yet. */
export function ask(
  url: string,
  path: string,
  options: RequestOptions = {},
  body?: Readable | string,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asked = request(url, { path, agent: false, ...options }, resolve);
    asked.on('error', reject);
    if (body instanceof Readable) body.pipe(asked);
    else asked.end(body);
  });
}

export async function textOf(stream: Readable): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('latin1');
}

/** A connection of bytes. */
export class RawClient {
  readonly socket: Socket;
  text = '';
  readonly closed: Promise<void>;
  readonly #waiting = new Set<() => void>();

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.socket = connect({ host: hostname, port: Number(port) });
    this.socket.on('error', () => undefined);
    this.socket.on('data', (chunk) => {
      this.text += chunk.toString('latin1');
      for (const look of [...this.#waiting]) look();
    });
    this.closed = new Promise((resolve) => this.socket.once('close', () => resolve()));
  }

  send(text: string): void {
    this.socket.write(Buffer.from(text, 'latin1'));
  }

  /** Resolves once what has come matches; rejects if the connection closes before. */
  seen(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const match = pattern.exec(this.text);
        if (match === null) return;
        this.#waiting.delete(look);
        resolve(match);
      };
      this.#waiting.add(look);
      look();
      void this.closed.then(() => reject(new Error(`closed before ${pattern}: ${this.text.slice(0, 500)}`)));
    });
  }
}

export function residentMib(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
}

/** Measures the memory of a process every 20 ms while `work` runs; gives what it had before, and the most. */
export async function peakMib(
  pid: number,
  work: () => Promise<void>,
): Promise<readonly [before: number, peak: number]> {
  const before = residentMib(pid);
  let peak = before;
  const timer = setInterval(() => {
    peak = Math.max(peak, residentMib(pid));
  }, 20);
  try {
    await work();
  } finally {
    clearInterval(timer);
  }
  return [before, peak];
}
