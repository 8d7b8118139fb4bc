/** Names, versions and ids in a message: texts that a caller has no reason to make long. */
import { invalidRequest } from '../../core/errors.ts';
import type { WireReader } from '../protobuf/wire-reader.ts';
import { MAX_TEXT_BYTES } from './infer-request.ts';

/**
 * The string before which `reader` is. `field`: for the error's text. Throws `invalid_request` before a long one is
 * made: it would be copied several times on its way.
 */
export function shortText(reader: WireReader, field: string): string {
  const { position } = reader;
  const length = reader.length();
  if (length > MAX_TEXT_BYTES) {
    throw invalidRequest(`${field} has ${length} bytes; send at most ${MAX_TEXT_BYTES}`);
  }
  reader.position = position;
  return reader.string();
}
