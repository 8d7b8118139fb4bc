/**
 * The content coding of answers: Accept-Encoding (RFC 9110, 12.5.3) → one of the codings that this Node can write, and
 * the compression itself, on libuv's threads. Speed counts before size: beside an application CPU is dearer than
 * bandwidth.
 *
 *   "gzip;q=0.5, br"  → br            the highest q wins; at the same q the server's order: zstd, br, gzip
 *   "*"               → the first     "*" stands for every coding that is not named
 *   "gzip;q=0"        → undefined     not compressed, also if the header forbids even that
 */
import type { Buffer } from 'node:buffer';
import { pipeline, Readable, type Transform } from 'node:stream';
import { promisify } from 'node:util';
import * as zlib from 'node:zlib';
import { Negotiator } from 'negotiator';

/** A coding of answers, as Content-Encoding names it. */
export type Coding = 'gzip' | 'br' | 'zstd';

/** A name, and perhaps a weight. Other parts of the header are ignored. */
const PART = /^[^;]*(?:;[ \t]*q[ \t]*=[ \t]*(?:0(?:\.\d{0,3})?|1(?:\.0{0,3})?)[ \t]*)?$/;
/** Longer headers are ignored. */
const MAX_LENGTH = 1024;

type Compress = (body: Uint8Array) => Promise<Buffer>;

/** Node has it from 22.15 and 23.8 on; the types are those of Node 20. */
const { zstdCompress, createZstdCompress } = zlib as {
  zstdCompress?: (body: Uint8Array, done: (e: Error | null, b: Buffer) => void) => void;
  createZstdCompress?: () => Transform;
};

const { BROTLI_PARAM_QUALITY } = zlib.constants;
const gzip = promisify<Uint8Array, zlib.ZlibOptions, Buffer>(zlib.gzip);
const brotli = promisify<Uint8Array, zlib.BrotliOptions, Buffer>(zlib.brotliCompress);

/** The default quality, 11, is hundreds of times slower: it is meant for files that are compressed once. */
const BROTLI = { params: { [BROTLI_PARAM_QUALITY]: 4 } };
const GZIP = { level: 3 };

/** The codings in order of preference: least CPU for the bytes saved first. */
const COMPRESSORS: ReadonlyMap<Coding, Compress> = new Map<Coding, Compress>([
  ...(zstdCompress === undefined ? [] : [['zstd', promisify(zstdCompress)] as const]),
  ['br', (body) => brotli(body, BROTLI)],
  ['gzip', (body) => gzip(body, GZIP)],
]);

const STREAMS: Readonly<Record<Coding, () => Transform>> = {
  zstd: () => createZstdCompress!(),
  br: () => zlib.createBrotliCompress(BROTLI),
  gzip: () => zlib.createGzip(GZIP),
};

/** The codings that this Node can write, in order of preference. */
export const ANSWER_CODINGS: readonly Coding[] = [...COMPRESSORS.keys()];

/** Pure. `available` is in order of preference. Undefined = do not compress. */
export function chooseCoding(header: string | undefined, available: readonly Coding[]): Coding | undefined {
  if (header === undefined || header.length > MAX_LENGTH) return undefined;
  const parts = readableParts(header);
  // Identity counts only if it is named: "*" does not mean it.
  const offered = parts.has('identity') ? [...available, 'identity'] : available;
  const negotiator = new Negotiator({ headers: { 'accept-encoding': [...parts.values()].join(',') } });
  const chosen = negotiator.encoding(offered, { preferred: offered });
  return available.find((coding) => coding === chosen);
}

/** The parts by their coding's name; the last counts if a coding is repeated. */
function readableParts(header: string): ReadonlyMap<string, string> {
  const parts = new Map<string, string>();
  for (const part of header.toLowerCase().replaceAll('x-gzip', 'gzip').split(',')) {
    if (PART.test(part)) parts.set(part.split(';', 1)[0]!.trim(), part);
  }
  return parts;
}

/** `coding` is one of ANSWER_CODINGS. The body must not change meanwhile. */
export function compressAnswer(body: Uint8Array, coding: Coding): Promise<Buffer> {
  return COMPRESSORS.get(coding)!(body);
}

/** Like compressAnswer, for a body that comes in slices. Throws the errors of making a slice. */
export function compressSlices(slices: AsyncIterable<Buffer>, coding: Coding): AsyncIterable<Buffer> {
  // The iterator of the last stream throws what breaks one before it.
  return pipeline(Readable.from(slices, { objectMode: false }), STREAMS[coding](), () => undefined);
}
