/**
 * `parameters` of the Open Inference Protocol in JSON: a flat object of strings, numbers and booleans, in a request, an
 * input and a requested output.
 */
import { invalidRequest } from '../../../core/errors.ts';
import { quoteName } from '../../../core/list-names.ts';
import { CLOSE_OBJECT, LOWER_F, LOWER_T, MINUS, NINE, OPEN_OBJECT, QUOTE, ZERO } from '../../json/json-chars.ts';
import type { JsonCursor } from '../../json/json-cursor.ts';
import { checkNameCount, NO_PARAMETERS, type Parameters, type ParameterValue } from '../infer-request.ts';
import { wrongKind } from './infer-body-checks.ts';

/** The keys that Triton keeps for itself: a client may not set them over REST. */
const RESERVED_PREFIX = 'triton_';

/** Reads the object at the cursor and moves past it. `path` is its place in the body. Throws `invalid_request`. */
export function readParameters(cursor: JsonCursor, path: string): Parameters {
  if (cursor.skipSpace() !== OPEN_OBJECT) {
    throw wrongKind(cursor, path, 'an object of strings, numbers and booleans');
  }
  if (!cursor.enter(CLOSE_OBJECT)) return NO_PARAMETERS;
  const parameters = new Map<string, ParameterValue>();
  do {
    const name = cursor.key();
    if (name.startsWith(RESERVED_PREFIX)) {
      throw invalidRequest(
        `${path} has the key ${quoteName(name)}: parameter keys starting with 'triton_' are reserved and should not be ` +
          'specified; leave it out',
      );
    }
    checkNameCount(path, parameters.size + 1);
    if (parameters.has(name)) throw invalidRequest(`${path} has the key ${quoteName(name)} twice; send it once`);
    parameters.set(name, readParameter(cursor, `${path}.${name}`));
  } while (cursor.hasNext(CLOSE_OBJECT));
  return parameters;
}

/** Those of an input or an output. What is no object, such as PHP's empty list, is ignored, as in Triton. */
export function readTensorParameters(cursor: JsonCursor, path: string): Parameters {
  if (cursor.skipSpace() === OPEN_OBJECT) return readParameters(cursor, path);
  cursor.skipValue();
  return NO_PARAMETERS;
}

function readParameter(cursor: JsonCursor, path: string): ParameterValue {
  const byte = cursor.skipSpace();
  if (byte === QUOTE) return cursor.string();
  const start = cursor.at;
  const isNumber = byte === MINUS || (byte !== undefined && byte >= ZERO && byte <= NINE);
  if (isNumber || byte === LOWER_T || byte === LOWER_F) {
    cursor.skipValue();
    const value = isNumber ? numberOf(cursor.text(start, cursor.at)) : byte === LOWER_T;
    if (!Number.isNaN(value) && Math.abs(Number(value)) !== Infinity) return value;
    cursor.at = start;
  }
  throw wrongKind(cursor, path, 'a string, a finite number or a boolean');
}

/** Exact: an integer beyond 2^53 is a bigint. */
function numberOf(text: string): number | bigint {
  const number = Number(text);
  return Number.isSafeInteger(number) || !/^-?\d{1,20}$/.test(text) ? number : BigInt(text);
}
