/**
 * Reads the bodies of these APIs: JSON objects with a few known keys, whose texts may be long. A large body is read in
 * slices, so that it holds up nobody else.
 *
 *   body ─ readBody ─▶ fields by key ─ optional / wanted / … ─▶ the request of an API
 *
 * A key that no API has is an error: what it asks for would be missing in the answer. A key whose value is null is not
 * there.
 */
import { type Buffer, isUtf8 } from 'node:buffer';
import {
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  LOWER_N,
  LOWER_T,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
} from '../../codec/json/json-chars.ts';
import { JsonCursor } from '../../codec/json/json-cursor.ts';
import { invalidRequest, ServingError } from '../../core/errors.ts';
import type { Steps } from '../../core/in-slices.ts';
import { listNames, quoteName } from '../../core/list-names.ts';
import { clip } from '../../ledger/caller-text.ts';

/** A string, a number, a boolean, or a list of such or of lists; an object has its string members alone. */
export type JsonValue = string | number | boolean | JsonObject | readonly JsonValue[];

export interface JsonObject {
  readonly members: ReadonlyMap<string, JsonValue>;
}

export type Fields = ReadonlyMap<string, JsonValue>;

/** More than the models' own limits allow by default; and of values, as each takes more memory than its bytes. */
const MOST_BYTES = 2 ** 25;
const MOST_VALUES = 2 ** 20;
/** A text in a list in an object in a list is the deepest that an API has. */
const MAX_DEPTH = 4;
/** Bytes that one step reads. */
const STEP_BYTES = 256 * 1024;

/** The fault of a field. APIs that tell the field find it in the error's attributes. */
export function wrongField(field: string, message: string): ServingError {
  return new ServingError('invalid_request', message, { attributes: { field: clip(field) } });
}

/** `keys`: all that the API knows. Throws `invalid_request`. */
export function* readBody(body: Buffer, keys: readonly string[], form: string): Steps<Fields> {
  if (body.length > MOST_BYTES) throw tooLarge(`${body.length} bytes, and ${MOST_BYTES}`);
  if (!isUtf8(body)) throw invalidRequest('the body is not UTF-8; JSON is (RFC 8259, 8.1): send it so');
  const cursor = new JsonCursor(MAX_DEPTH);
  cursor.openObject(body, 'what is asked', form);
  const reader = new ValueReader(cursor);
  const fields = new Map<string, JsonValue>();
  for (let more = cursor.enter(CLOSE_OBJECT); more; more = cursor.hasNext(CLOSE_OBJECT)) {
    const key = cursor.key(keys);
    if (!keys.includes(key)) {
      throw wrongField(key, `there is no field ${quoteName(key)}; there are ${listNames(keys)}`);
    }
    if (fields.has(key)) throw wrongField(key, `the field "${key}" is there twice; send it once`);
    const value = yield* reader.value(0);
    if (value !== undefined) fields.set(key, value);
  }
  cursor.expectEnd();
  return fields;
}

class ValueReader {
  readonly #cursor: JsonCursor;
  #stepAt = 0;
  #values = 0;

  constructor(cursor: JsonCursor) {
    this.#cursor = cursor;
  }

  /** Undefined: it is null. */
  *value(depth: number): Steps<JsonValue | undefined> {
    const cursor = this.#cursor;
    const first = cursor.skipSpace();
    if (++this.#values > MOST_VALUES) throw tooLarge(`more values than ${MOST_VALUES}, which`);
    if (cursor.at - this.#stepAt > STEP_BYTES) {
      this.#stepAt = cursor.at;
      yield;
    }
    if (first === QUOTE) return cursor.string();
    if (first === OPEN_ARRAY || first === OPEN_OBJECT) {
      if (depth === MAX_DEPTH) throw invalidRequest(`lists and objects are nested deeper than ${MAX_DEPTH}; nest less`);
      return first === OPEN_ARRAY ? yield* this.#list(depth + 1) : yield* this.#object(depth + 1);
    }
    const start = cursor.at;
    cursor.skipValue();
    if (first === LOWER_N) return undefined;
    const text = cursor.text(start, cursor.at);
    return text === 'true' || text === 'false' ? first === LOWER_T : Number(text);
  }

  *#list(depth: number): Steps<readonly JsonValue[]> {
    const cursor = this.#cursor;
    const values: JsonValue[] = [];
    for (let more = cursor.enter(CLOSE_ARRAY); more; more = cursor.hasNext(CLOSE_ARRAY)) {
      const value = yield* this.value(depth);
      if (value === undefined) throw invalidRequest('null stands in a list; leave it out');
      values.push(value);
    }
    return values;
  }

  *#object(depth: number): Steps<JsonObject> {
    const cursor = this.#cursor;
    const members = new Map<string, JsonValue>();
    for (let more = cursor.enter(CLOSE_OBJECT); more; more = cursor.hasNext(CLOSE_OBJECT)) {
      const key = cursor.key();
      const value = yield* this.value(depth);
      if (value !== undefined) members.set(key, value);
    }
    return { members };
  }
}

function tooLarge(what: string): ServingError {
  return new ServingError('too_large', `the body has ${what} are the most; send its texts in several requests`);
}

export function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && 'members' in value;
}

export function textIn(fields: Fields, key: string): string | undefined {
  const value = fields.get(key);
  if (value === undefined || typeof value === 'string') return value;
  throw wrongField(key, `"${key}" is no string; send one`);
}

export function wantedText(fields: Fields, key: string): string {
  const text = textIn(fields, key);
  if (text === undefined) throw wrongField(key, `"${key}" is missing; send a string`);
  return text;
}

export function booleanIn(fields: Fields, key: string): boolean | undefined {
  const value = fields.get(key);
  if (value === undefined || typeof value === 'boolean') return value;
  throw wrongField(key, `"${key}" is no boolean; send true or false`);
}

/** A whole number from 1 on. */
export function countIn(fields: Fields, key: string): number | undefined {
  const value = fields.get(key);
  if (value === undefined) return undefined;
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value;
  throw wrongField(key, `"${key}" is no whole number from 1 on; send one`);
}

/** One of these words. */
export function wordIn<Word extends string>(fields: Fields, key: string, words: readonly Word[]): Word | undefined {
  const value = fields.get(key);
  if (value === undefined) return undefined;
  const word = words.find((each) => each === value);
  if (word === undefined) throw wrongField(key, `"${key}" must be one of ${listNames(words)}`);
  return word;
}

/** A list of strings with at least one. */
export function textsIn(fields: Fields, key: string): readonly string[] {
  const value = fields.get(key);
  if (Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'string')) return value;
  throw wrongField(
    key,
    `"${key}" ${value === undefined ? 'is missing' : 'is no list of strings'}; send a list of one or more`,
  );
}
