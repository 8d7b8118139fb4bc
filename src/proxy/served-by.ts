/**
 * `x-inference-served-by: small/3; reason=fallback`: the model that answered instead of the one that was asked for. Its
 * name is percent-encoded, since it may hold any letter.
 */
import type { FallbackRecord, RequestRecord } from '../ledger/request-record.ts';

export const SERVED_BY_HEADER = 'x-inference-served-by';

/** The header's value for a request that a fallback has answered. */
export function servedBy({ model, version }: RequestRecord, { reason }: FallbackRecord): string {
  return `${encodeURIComponent(model)}/${version}; reason=${reason}`;
}
