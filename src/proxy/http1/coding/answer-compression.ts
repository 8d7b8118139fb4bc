/**
 * Answers, compressed: what this Node can write, and the writing, on libuv's threads and never on the event loop. Speed
 * before size: beside an application CPU is dearer than bandwidth.
 */
import type { Buffer } from 'node:buffer';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import type { Coding } from './accept-encoding.ts';

type Compress = (body: Uint8Array) => Promise<Buffer>;

/** Node has it from 22.15 and 23.8 on; the types are those of Node 20. */
const { zstdCompress } = zlib as {
  zstdCompress?: (body: Uint8Array, done: (e: Error | null, b: Buffer) => void) => void;
};

const { BROTLI_PARAM_QUALITY } = zlib.constants;
const gzip = promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.gzip);
const brotli = promisify<Uint8Array, zlib.BrotliOptions, Buffer>(zlib.brotliCompress);

/** In the order in which they are preferred: what costs least for what it saves first. */
const COMPRESSORS: ReadonlyMap<Coding, Compress> = new Map<Coding, Compress>([
  ...(zstdCompress === undefined ? [] : [['zstd', promisify(zstdCompress)] as const]),
  // Its default, 11, is meant for files that are compressed once and sent for years: hundreds of times slower.
  ['br', (body) => brotli(body, { params: { [BROTLI_PARAM_QUALITY]: 4 } })],
  ['gzip', (body) => gzip(body, { level: 3 })],
]);

/** What answers can go out in, the preferred one first. */
export const ANSWER_CODINGS: readonly Coding[] = [...COMPRESSORS.keys()];

/** `coding` is one of ANSWER_CODINGS. The body must not change meanwhile. */
export function compressAnswer(body: Uint8Array, coding: Coding): Promise<Buffer> {
  return COMPRESSORS.get(coding)!(body);
}
