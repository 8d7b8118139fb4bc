/** A version's number as a query has it. */
import { ServingError } from '../core/errors.ts';

/** Null, which is what a query gives that has none, is undefined. Throws ServingError `invalid_request`. */
export function readVersion(text: string | null): bigint | undefined {
  if (text === null) return undefined;
  if (/^\d{1,18}$/.test(text)) return BigInt(text);
  throw new ServingError('invalid_request', `version=${JSON.stringify(text.slice(0, 40))} wants a whole number`);
}
