/**
 * The body of a generate request, as the JSON of an infer request: a key that is an input's name is that input, and
 * all others are parameters of the request.
 *
 *   {"text": "hi", "top_k": 3}  ─▶  {"parameters":{"top_k":3},"inputs":[{"name":"text",…,"shape":[1],"data":["hi"]}]}
 *
 * Nothing says a shape, so the model does: fixed dims are as they are, the last free one takes what is left, and the
 * others are 1.
 */
import { Buffer } from 'node:buffer';
import { CLOSE_ARRAY, CLOSE_OBJECT, LOWER_N, OPEN_ARRAY, OPEN_OBJECT } from '../../codec/json/json-chars.ts';
import { JsonCursor } from '../../codec/json/json-cursor.ts';
import { DATATYPES } from '../../codec/open-inference/datatypes.ts';
import { invalidRequest, ServingError } from '../../core/errors.ts';
import { quoteName } from '../../core/list-names.ts';
import { formatShape, type Shape } from '../../core/shape.ts';
import type { TensorSpec } from '../../core/signature.ts';

/** It is read at once: larger inputs belong to infer. */
const MAX_BYTES = 2 ** 20;
const MAX_DEPTH = 100;

/** Throws ServingError: invalid_request, too_large. */
export function inferBody(body: Buffer, specs: ReadonlyMap<string, TensorSpec>): Buffer {
  if (body.length > MAX_BYTES) {
    const text = `the body has ${body.length} bytes, and generate takes ${MAX_BYTES}`;
    throw new ServingError('too_large', `${text}; send larger inputs to infer`);
  }
  const cursor = new JsonCursor(MAX_DEPTH);
  cursor.openObject(body, "the model's inputs", '{"input name": value}');
  let id = '';
  const inputs: string[] = [];
  const parameters: string[] = [];
  for (let more = cursor.enter(CLOSE_OBJECT); more; more = cursor.hasNext(CLOSE_OBJECT)) {
    const key = cursor.key();
    const kind = cursor.skipSpace();
    const spec = specs.get(key);
    const isList = kind === OPEN_ARRAY;
    const start = cursor.at;
    const count = isList ? skipElements(cursor) : 1;
    if (!isList) cursor.skipValue();
    const value = body.toString('latin1', start, cursor.at);
    if (kind === LOWER_N) continue;
    if (spec !== undefined) inputs.push(inputOf(key, spec, count, isList ? value : `[${value}]`));
    else if (key === 'id') id = `"id":${value},`;
    else if (key !== 'parameters') parameters.push(`${quoted(key)}:${value}`);
    else if (kind !== OPEN_OBJECT) throw invalidRequest("Unable to parse 'parameters': it is no object; send one");
    else if (value.slice(1, -1).trim() !== '') parameters.push(value.slice(1, -1));
  }
  cursor.expectEnd();
  return Buffer.from(`{${id}"parameters":{${parameters.join(',')}},"inputs":[${inputs.join(',')}]}`, 'latin1');
}

/** A character for each byte, as values are: those that are no UTF-8 stay as they were sent. */
function quoted(name: string): string {
  return Buffer.from(JSON.stringify(name)).toString('latin1');
}

/** Moves past the list at the cursor, and counts its elements. */
function skipElements(cursor: JsonCursor): number {
  let count = 0;
  for (let more = cursor.enter(CLOSE_ARRAY); more; more = cursor.hasNext(CLOSE_ARRAY)) {
    cursor.skipValue();
    count += 1;
  }
  return count;
}

function inputOf(name: string, { dtype, shape: declared }: TensorSpec, count: number, data: string): string {
  const shape = shapeFor(name, declared ?? [-1], count);
  const head = `"name":${quoted(name)},"datatype":"${DATATYPES[dtype]}","shape":[${shape.join(',')}]`;
  return `{${head},"data":${data}}`;
}

function shapeFor(name: string, declared: Shape, count: number): Shape {
  let left = count;
  for (const dim of declared) if (dim > 0) left /= dim;
  const free = declared.lastIndexOf(-1);
  if (Number.isInteger(left) && (free >= 0 || left === 1)) {
    return declared.map((dim, i) => (dim !== -1 ? dim : i === free ? left : 1));
  }
  throw invalidRequest(
    `input ${quoteName(name)} has ${count} elements, which ${formatShape(declared)} cannot hold; send as many as fit`,
  );
}
