/**
 * The bodies of requests about the repository and regions: small JSON objects, or nothing. As in the bodies of infer,
 * the first of two equal keys counts, and a key whose value is null is not there.
 */
import type { Buffer } from 'node:buffer';
import { CLOSE_OBJECT, LOWER_F, LOWER_N, LOWER_T, QUOTE } from '../../../codec/json/json-chars.ts';
import { JsonCursor } from '../../../codec/json/json-cursor.ts';
import { NO_PARAMETERS, type Parameters } from '../../../codec/open-inference/infer-request.ts';
import type { RegionFields } from '../../../codec/open-inference/region-messages.ts';
import { readParameters } from '../../../codec/open-inference/rest/infer-parameters.ts';
import { invalidRequest, ServingError } from '../../../core/errors.ts';

/** A request to load a model may bring its files, which is refused; so is reading them. */
const MAX_BYTES = 128 * 1024;
const MAX_DEPTH = 100;
const REGION_FORM = '{"key": "/name", "offset": 0, "byte_size": 4096}';

/** `{"ready": true}`: only versions that are ready. Throws `invalid_request`. */
export function readIndexBody(body: Buffer): boolean {
  let isReadyOnly: boolean | undefined;
  readMembers(body, '{"ready": true}', (cursor, key) => {
    const byte = cursor.skipSpace();
    if (key === 'ready' && isReadyOnly === undefined) {
      if (byte !== LOWER_T && byte !== LOWER_F) {
        throw invalidRequest('"ready" is no boolean; send true for the models that are ready, false for all');
      }
      isReadyOnly = byte === LOWER_T;
    }
    cursor.skipValue();
  });
  return isReadyOnly ?? false;
}

/** `{"parameters": {…}}`. Throws `invalid_request`. */
export function readRepositoryBody(body: Buffer): Parameters {
  let parameters: Parameters | undefined;
  readMembers(body, '{"parameters": {...}}', (cursor, key) => {
    if (key === 'parameters' && parameters === undefined) parameters = readParameters(cursor, 'parameters');
    else cursor.skipValue();
  });
  return parameters ?? NO_PARAMETERS;
}

/** `{"key": "…", "offset": 0, "byte_size": 8}`; `offset` may be absent. Throws `invalid_request`. */
export function readRegionBody(body: Buffer): Omit<RegionFields, 'name'> {
  const read = { key: '', offset: 0, byteSize: Number.NaN };
  readMembers(body, REGION_FORM, (cursor, name) => {
    const isText = cursor.skipSpace() === QUOTE;
    const start = cursor.at;
    if (name === 'key' && isText) {
      read.key = cursor.string();
      return;
    }
    cursor.skipValue();
    const number = isText ? Number.NaN : Number(cursor.text(start, cursor.at));
    if (name === 'offset') read.offset = number;
    else if (name === 'byte_size') read.byteSize = number;
  });
  if (read.key !== '' && !Number.isNaN(read.offset) && !Number.isNaN(read.byteSize)) return read;
  throw invalidRequest(`the body has no text "key", or no numbers "offset" and "byte_size"; send ${REGION_FORM}`);
}

/** Calls `read` for each member that is not null; it moves the cursor past the value. */
function readMembers(body: Buffer, form: string, read: (cursor: JsonCursor, key: string) => void): void {
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
