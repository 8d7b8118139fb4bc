/**
 * `x-inference-served-by`: told of an answer that another model gave than the one that was asked. The model is written as
 * in a URL, since its name may hold any letter: `small/3; reason=fallback`.
 */
import type { FallbackRecord, RequestRecord } from '../telemetry/request-record.ts';

export const SERVED_BY_HEADER = 'x-inference-served-by';

/** Of a request that has been answered by another model. */
export function servedBy({ model, version }: RequestRecord, { reason }: FallbackRecord): string {
  return `${encodeURIComponent(model)}/${version}; reason=${reason}`;
}
