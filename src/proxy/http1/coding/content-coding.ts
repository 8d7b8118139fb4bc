/**
 * Decodes request bodies by their Content-Encoding: gzip, deflate, br, zstd, or several of them ("gzip, br" means first
 * gzip, then br).
 *
 *   bytes as sent ──▶ last coding ──▶ … ──▶ first coding ──▶ the body
 *                        each at most `maxBytes`: a bomb ends as soon as it is over the limit
 *
 * A body that is cut off, broken or followed by other bytes is `invalid_request`. Decoding runs on libuv's threads,
 * except zstd on a Node without it (zstd-body.ts).
 */
import type { Buffer } from 'node:buffer';
import { brotliDecompress, unzip, type ZlibOptions } from 'node:zlib';
import { ServingError } from '../../../core/errors.ts';
import { quoteName } from '../../../core/list-names.ts';
import { decodeZstd } from './zstd-body.ts';

/** Rejects with ServingError `invalid_request`, or DecodedTooLarge. */
type Decode = (body: Buffer, maxBytes: number) => Promise<Buffer>;

/** The decoded body would be over the limit. */
export class DecodedTooLarge extends Error {}

interface Inflated {
  readonly buffer: Buffer;
  readonly engine: { readonly bytesWritten: number };
}

type Inflate = (body: Buffer, options: ZlibOptions, done: (error: Error | null, result: Inflated) => void) => void;

const DECODERS: ReadonlyMap<string, Decode> = new Map<string, Decode>([
  // unzip tells the two apart by their first bytes, because clients confuse them.
  ['gzip', (body, maxBytes) => inflate(unzip as unknown as Inflate, 'gzip', body, maxBytes)],
  ['deflate', (body, maxBytes) => inflate(unzip as unknown as Inflate, 'deflate', body, maxBytes)],
  ['br', (body, maxBytes) => inflate(brotliDecompress as unknown as Inflate, 'br', body, maxBytes)],
  ['zstd', decodeZstdBody],
]);

/** One is usual, two come from a compressing proxy; more only multiply the work. */
const MAX_CODINGS = 3;

/** The codings of a Content-Encoding header, without identity, in the order in which they were applied. */
export function parseContentEncoding(header: string | undefined): readonly string[] | ServingError {
  if (header === undefined) return [];
  const codings: string[] = [];
  for (const part of header.split(',')) {
    const name = part.trim().toLowerCase();
    if (name === '' || name === 'identity') continue;
    const coding = name === 'x-gzip' ? 'gzip' : name;
    if (!DECODERS.has(coding)) return unknownCoding(name);
    if (codings.push(coding) > MAX_CODINGS) return tooManyCodings();
  }
  return codings;
}

/** `codings` as parseContentEncoding gives them. Rejects with ServingError `invalid_request`, or DecodedTooLarge. */
export async function decodeBody(body: Buffer, codings: readonly string[], maxBytes: number): Promise<Buffer> {
  let decoded = body;
  for (let i = codings.length - 1; i >= 0; i--) decoded = await DECODERS.get(codings[i]!)!(decoded, maxBytes);
  return decoded;
}

function inflate(how: Inflate, coding: string, body: Buffer, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    how(body, { maxOutputLength: maxBytes, info: true }, (error, result) => {
      if (error !== null) reject(isTooLarge(error) ? new DecodedTooLarge() : notWhatItSays(coding));
      else if (result.engine.bytesWritten < body.length) reject(notWhatItSays(coding));
      else resolve(result.buffer);
    });
  });
}

async function decodeZstdBody(body: Buffer, maxBytes: number): Promise<Buffer> {
  const decoded = await decodeZstd(body, maxBytes);
  if (decoded === 'too large') throw new DecodedTooLarge();
  if (decoded === 'invalid') throw notWhatItSays('zstd');
  return decoded;
}

function isTooLarge(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ERR_BUFFER_TOO_LARGE';
}

function notWhatItSays(coding: string): ServingError {
  return new ServingError(
    'invalid_request',
    `the body is not what its Content-Encoding says: it cannot be inflated as ${coding}; send it whole and as it was compressed`,
  );
}

function tooManyCodings(): ServingError {
  const sent = `the body has more than ${MAX_CODINGS} content encodings`;
  return new ServingError('unsupported', `${sent}, but at most ${MAX_CODINGS} are taken; send it with one`);
}

function unknownCoding(name: string): ServingError {
  const known = [...DECODERS.keys()].join(', ');
  return new ServingError(
    'unsupported',
    `the body has Content-Encoding ${quoteName(name)}; send it as it is, or as one of ${known}`,
  );
}
