/**
 * Bodies that are small JSON objects, or nothing. As in the bodies of infer, the first of two equal keys counts, and a
 * key whose value is null is not there.
 */
import type { Buffer } from 'node:buffer';
import { CLOSE_OBJECT, LOWER_N } from '../../../codec/json/json-chars.ts';
import { JsonCursor } from '../../../codec/json/json-cursor.ts';
import { ServingError } from '../../../core/errors.ts';

/** A request to load a model may bring its files, which is refused; so is reading them. */
const MAX_BYTES = 128 * 1024;
const MAX_DEPTH = 100;

/** Calls `read` for each member that is not null; it moves the cursor past the value. */
export function readMembers(body: Buffer, form: string, read: (cursor: JsonCursor, key: string) => void): void {
  if (body.length > MAX_BYTES) {
    throw new ServingError(
      'too_large',
      `the body has ${body.length} bytes, and ${MAX_BYTES} are the most; send ${form}`,
    );
  }
  const cursor = new JsonCursor(MAX_DEPTH);
  cursor.open(body);
  if (cursor.skipSpace() === undefined) return;
  cursor.openObject(body, 'what is asked', form);
  for (let more = cursor.enter(CLOSE_OBJECT); more; more = cursor.hasNext(CLOSE_OBJECT)) {
    const key = cursor.key();
    if (cursor.skipSpace() === LOWER_N) cursor.skipValue();
    else read(cursor, key);
  }
  cursor.expectEnd();
}
