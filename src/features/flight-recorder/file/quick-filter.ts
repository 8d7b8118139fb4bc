/**
 * Looks at the bytes of a written request before they are parsed, which is most of the work of a query. What it refuses
 * cannot match; what it lets through may not match either.
 */
import { Buffer } from 'node:buffer';
import type { RequestEntry } from '../../../admin/request-entry.ts';
import type { RequestQuery } from '../query/request-query.ts';

export interface QuickFilter {
  (text: Buffer): boolean;
  /** The list is full: only requests that come before its last one are still of use. */
  onCut(last: RequestEntry): void;
}

/** It stands before the request's own time and nowhere else: a quote in a text of a caller has a backslash before it. */
const TOOK = Buffer.from(',"duration_ms":');
const MOST_DIGITS = 24;

export function quickFilter(query: RequestQuery): QuickFilter {
  const needles = needlesOf(query);
  let leastMs = -Infinity;
  const filter = (text: Buffer): boolean =>
    !(tookMs(text, leastMs) < leastMs) && needles.every((needle) => text.includes(needle));
  return Object.assign(filter, {
    onCut: ({ duration_ms }: RequestEntry): void => {
      if (query.order === 'slowest') leastMs = duration_ms;
    },
  });
}

/** Texts that each match has, as JSON.stringify writes them. */
function needlesOf({ model, version, id, traceId, outcome, error, kept }: RequestQuery): readonly Buffer[] {
  const texts = Object.entries({ model, version, id, trace_id: traceId })
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `"${key}":${JSON.stringify(value)}`);
  if (outcome !== undefined && outcome !== 'failed') texts.push(`"outcome":"${outcome}"`);
  if (kept !== undefined) texts.push(`"kept":"${kept}`);
  if (error !== undefined) texts.push('"error":{');
  return texts.map((text) => Buffer.from(text));
}

/** NaN where it is not looked for, or not found. */
function tookMs(text: Buffer, leastMs: number): number {
  if (leastMs === -Infinity) return Number.NaN;
  const at = text.indexOf(TOOK);
  if (at === -1) return Number.NaN;
  return Number.parseFloat(text.toString('latin1', at + TOOK.length, at + TOOK.length + MOST_DIGITS));
}
