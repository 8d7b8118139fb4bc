/**
 * `x-inference-served-by`: told of an answer that another model gave than the one that was asked. The model is written as
 * in a URL, since its name may hold any letter: `small/3; reason=fallback`.
 */
import type { RequestRecord } from '../telemetry/request-record.ts';

export const SERVED_BY_HEADER = 'x-inference-served-by';

/** Undefined where the model that was asked has answered. */
export function servedBy({ alternate, model, version }: RequestRecord): string | undefined {
  return alternate === undefined ? undefined : `${encodeURIComponent(model)}/${version}; reason=${alternate.reason}`;
}
