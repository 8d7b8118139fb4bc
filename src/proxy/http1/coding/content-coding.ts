/**
 * Decodes request bodies by their Content-Encoding: gzip, deflate, br, zstd, or several of them ("gzip, br" means first
 * gzip, then br).
 *
 *   bytes as sent ──▶ last coding ──▶ … ──▶ first coding ──▶ the body
 *              the body at most `maxBytes`, and all codings together so many times what was sent (proxy/inflation.ts)
 *
 * gzip, deflate and br that stand one over another are one pipe. zstd takes its input whole.
 *
 * A body that is cut off, broken or followed by other bytes is `invalid_request`. Decoding runs on libuv's threads,
 * except zstd on a Node without it (zstd-body.ts).
 */
import type { Buffer } from 'node:buffer';
import { ServingError } from '../../../core/errors.ts';
import { quoteName } from '../../../core/list-names.ts';
import {
  FREE_BYTES,
  InflationBudget,
  InflationError,
  type InflationLimits,
  inflate,
  MAX_RATIO,
  type StreamCoding,
} from '../../inflation.ts';
import { decodeZstd } from './zstd-body.ts';

/** The decoded body would be over the limit. */
export class DecodedTooLarge extends Error {}

/** The body has a Content-Encoding that is not taken: the answer says which are (RFC 9110, 12.5.3). */
export class CodingNotTaken extends ServingError {
  constructor(message: string) {
    super('unsupported', message);
  }
}

/** unzip tells gzip and deflate apart by their first bytes, because clients confuse them. */
const CODINGS: ReadonlyMap<string, StreamCoding | 'zstd'> = new Map([
  ['gzip', 'unzip'],
  ['deflate', 'unzip'],
  ['br', 'br'],
  ['zstd', 'zstd'],
]);

/** The value of Accept-Encoding in an answer: what requests may have. */
export const TAKEN_CODINGS = [...CODINGS.keys()].join(', ');

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
    if (!CODINGS.has(coding)) return unknownCoding(name);
    if (codings.push(coding) > MAX_CODINGS) return tooManyCodings();
  }
  return codings;
}

/**
 * `codings` as parseContentEncoding gives them. Rejects with ServingError (`invalid_request`, `too_large`, or what
 * `limits.hold` gave), or DecodedTooLarge.
 */
export async function decodeBody(body: Buffer, codings: readonly string[], limits: InflationLimits): Promise<Buffer> {
  const budget = new InflationBudget(body.length);
  let decoded = body;
  const left = [...codings];
  while (left.length > 0) {
    const names = takePipe(left);
    try {
      decoded = await (names[0] === 'zstd'
        ? decodeZstdBody(decoded, limits, budget)
        : inflate(
            decoded,
            names.map((name) => CODINGS.get(name) as StreamCoding),
            { ...limits, budget },
          ));
    } catch (error) {
      throw error instanceof InflationError ? faultOf(error, names) : error;
    }
  }
  return decoded;
}

/** Takes the codings of the next step off the end, in the order in which they are undone. */
function takePipe(codings: string[]): string[] {
  const names = [codings.pop()!];
  if (names[0] === 'zstd') return names;
  while (codings.length > 0 && codings.at(-1) !== 'zstd') names.push(codings.pop()!);
  return names;
}

async function decodeZstdBody(
  body: Buffer,
  { maxBytes, hold }: InflationLimits,
  budget: InflationBudget,
): Promise<Buffer> {
  const most = Math.min(maxBytes, budget.leftBytes);
  const decoded = await decodeZstd(body, most, hold);
  if (decoded === 'too large') throw new InflationError(most < maxBytes ? 'ratio' : 'too large');
  if (decoded === 'invalid') throw new InflationError('broken');
  budget.spend(decoded.length);
  return decoded;
}

function faultOf({ fault }: InflationError, names: readonly string[]): Error {
  if (fault === 'too large') return new DecodedTooLarge();
  return fault === 'ratio' ? tooDense(names.join(', ')) : notWhatItSays(names.join(', '));
}

function notWhatItSays(coding: string): ServingError {
  return new ServingError(
    'invalid_request',
    `the body is not what its Content-Encoding says: it cannot be inflated as ${coding}; send it whole and as it was compressed`,
  );
}

function tooDense(coding: string): ServingError {
  const most = `${FREE_BYTES / 2 ** 20} MiB and ${MAX_RATIO} times what was sent`;
  return new ServingError(
    'too_large',
    `the body grows to more than ${most} when it is inflated as ${coding}; send it as it is, or fewer rows`,
  );
}

function tooManyCodings(): ServingError {
  const sent = `the body has more than ${MAX_CODINGS} content encodings`;
  return new CodingNotTaken(`${sent}, but at most ${MAX_CODINGS} are taken; send it with one`);
}

function unknownCoding(name: string): ServingError {
  return new CodingNotTaken(
    `the body has Content-Encoding ${quoteName(name)}; send it as it is, or as one of ${TAKEN_CODINGS}`,
  );
}
