/** Bodies of a few bytes that become 63 MiB: in every coding, and in several one over another. */
import { Buffer } from 'node:buffer';
import { request as httpRequest } from 'node:http';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import { frame, openCall, openSession } from '../../support/raw-grpc.ts';
import { zstdBomb } from '../../support/zstd-bodies.ts';
import { count, until } from '../driving.ts';
import { type Attack, LARGE_BYTES, PREDICT, REST_PREDICT, together } from './attack.ts';

const WIDTH = 16;

const once = <T>(make: () => T): (() => T) => {
  let made: T | undefined;
  return () => (made ??= make());
};
const spaces = once(() => Buffer.alloc(LARGE_BYTES, ' '));
const gzipped = once(() => gzipSync(spaces()));

export const gzipBomb = restBomb('gzip', gzipped);
export const gzipInGzip = restBomb(
  'gzip, gzip',
  once(() => gzipSync(gzipped())),
);
export const gzipThrice = restBomb(
  'gzip, gzip, gzip',
  once(() => gzipSync(gzipSync(gzipped()))),
);
export const brotliBomb = restBomb(
  'br',
  // The default quality takes minutes.
  once(() => brotliCompressSync(spaces(), { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } })),
);
export const zstdBombs = restBomb(
  'zstd',
  once(() => zstdBomb(LARGE_BYTES)),
);
/** 190 times larger when inflated, which is allowed: 63 MiB each. */
export const denseGzip = restBomb(
  'gzip',
  once(() => gzipSync(ofRatio(190))),
);

/** Text that gzip makes so many times smaller: noise, and blanks behind it. */
function ofRatio(ratio: number): Buffer {
  const text = Buffer.alloc(LARGE_BYTES, ' ');
  const noise = LARGE_BYTES / ratio - LARGE_BYTES / 1000;
  for (let i = 0; i < noise; i++) text[i] = Math.floor(Math.random() * 256);
  return text;
}

function restBomb(coding: string, body: () => Buffer): Attack {
  return async (target, seconds, signal) => {
    const bytes = body();
    const counts = {};
    const end = until(seconds, signal);
    const { hostname, port } = new URL(target.rest);
    await together(WIDTH, end, () => {
      count(counts, 'sent');
      return new Promise((resolve) => {
        const headers = { 'content-encoding': coding, 'content-length': bytes.length };
        const request = httpRequest({ hostname, port, path: REST_PREDICT, method: 'POST', headers, signal: end });
        request.on('response', (answer) => {
          count(counts, `http ${answer.statusCode}`);
          answer.resume();
        });
        request.on('error', () => count(counts, 'broken off'));
        request.on('close', resolve);
        request.end(bytes);
      });
    });
    return counts;
  };
}

/** gRPC's own compression. */
export const grpcGzip: Attack = async (target, seconds, signal) => {
  const bytes = frame(gzipped(), 1);
  const counts = {};
  const end = until(seconds, signal);
  await together(WIDTH, end, async () => {
    const session = openSession(target.grpc);
    session.on('error', () => undefined);
    count(counts, 'sent');
    await new Promise<void>((resolve) => {
      const stream = openCall(session, PREDICT, { 'grpc-encoding': 'gzip' });
      stream.on('response', (headers) => count(counts, `grpc ${String(headers['grpc-status'])}`));
      stream.on('error', () => count(counts, 'broken off'));
      stream.on('close', () => resolve());
      stream.resume();
      end.addEventListener('abort', () => stream.close(), { once: true });
      stream.end(bytes);
    });
    session.destroy();
  });
  return counts;
};
