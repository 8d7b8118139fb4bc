/** Errors for inputs of an infer body: each says the fault and the fix. */
import { invalidRequest, type ServingError } from '../../../core/errors.ts';
import { cutName, quoteName } from '../../../core/list-names.ts';
import { formatShape, type Shape } from '../../../core/shape.ts';
import type { JsonCursor } from '../../json/json-cursor.ts';
import { kindOf } from '../../json/json-element.ts';

/** Moves past the value at the cursor, whose syntax it checks first. `path`: its place in the body. */
export function wrongKind(cursor: JsonCursor, path: string, wants: string): ServingError {
  const kind = kindOf(cursor);
  cursor.skipValue();
  return invalidRequest(`Unable to parse ${path}: it is ${kind}; send ${wants}`);
}

/**
 * The elements must be as many as the shape says, in one list or in lists that are nested as the shape is; dims of 1
 * may be missing. Lists that are nested otherwise may be transposed, so they are refused. Throws `invalid_request`.
 */
export function checkNesting(name: string, shape: Shape, sent: Shape, sentCount: number, count: number): void {
  if (sent.length === 0 && shape.length > 0) {
    throw invalidRequest(`"data" of input ${quoteName(name)} is a single value; send a list of its elements`);
  }
  if (sentCount !== count) throw wrongCount(name, shape, sentCount);
  if (sent.length <= 1 || count === 0 || isSameBesideOnes(sent, shape)) return;
  throw invalidRequest(
    `"data" of input ${quoteName(name)} is nested as ${formatShape(sent)}, but its shape is ${formatShape(shape)}; ` +
      'send one flat list, row by row, or nest it as the shape is',
  );
}

function wrongCount(name: string, shape: Shape, sent: number): ServingError {
  return invalidRequest(
    "Unable to parse 'data': Shape does not match true shape of 'data' field: " +
      `input ${quoteName(name)} has ${sent} elements, but its shape is ${formatShape(shape)}; send as many as it says`,
  );
}

function isSameBesideOnes(a: Shape, b: Shape): boolean {
  const left = a.filter((dim) => dim !== 1);
  const right = b.filter((dim) => dim !== 1);
  return left.length === right.length && left.every((dim, i) => dim === right[i]);
}

export function lacks(path: string, key: string, what: string): ServingError {
  return invalidRequest(`Unable to parse '${key}': ${path} has none; send ${what}`);
}

/** An input's values are in one place. */
export function oneOf(name: string, hasData: boolean): ServingError {
  const fields = "'data', 'binary_data_size' in 'parameters', 'shared_memory_region' in 'parameters'";
  const sent = hasData ? "But set 'data' 'binary_data_size'" : 'But no field is set';
  return invalidRequest(
    `Input must set only one of the following fields: ${fields}. ${sent} of input ${quoteName(name)}; send "data", or "binary_data_size" in its parameters and the bytes behind the JSON`,
  );
}

export function noJsonForm(name: string, datatype: string): ServingError {
  return invalidRequest(
    `receiving ${datatype} data via JSON is not supported. Please use the binary data format for input ${cutName(name)} ` +
      '("binary_data_size" in its parameters, the bytes behind the JSON)',
  );
}
