/**
 * One feature's JSON value → its list, by the table in json-examples.ts. A single value is a list of one.
 */
import { Buffer } from 'node:buffer';
import { invalidRequest, type ServingError } from '../../core/errors.ts';
import type { FeatureKind } from '../../core/feature-spec.ts';
import { quoteName } from '../../core/list-names.ts';
import type { FeatureList } from '../tensorflow/example/example-writer.ts';
import { CLOSE_ARRAY, LOWER_F, LOWER_N, LOWER_T, OPEN_ARRAY, OPEN_OBJECT, QUOTE } from './json-chars.ts';
import type { JsonCursor } from './json-cursor.ts';
import { base64Member, kindOf } from './json-element.ts';
import { decodeBase64, stringBytes } from './json-string.ts';

const INTEGER = /^-?\d+$/;
const LEAST_INT64 = -(2n ** 63n);
const MOST_INT64 = 2n ** 63n - 1n;
const MOST_UINT64 = 2n ** 64n - 1n;

export class FeatureReader {
  readonly #cursor: JsonCursor;
  #where = '';
  #name = '';
  /** The kind of the list that is being read. */
  #kind: FeatureKind | undefined;
  #strings: Uint8Array[] = [];
  #numbers: (number | bigint)[] = [];

  constructor(cursor: JsonCursor) {
    this.#cursor = cursor;
  }

  /** Reads the value at the cursor. `where` and `name` are for error texts. Throws `invalid_request`. */
  read(where: string, name: string): FeatureList {
    const cursor = this.#cursor;
    this.#where = where;
    this.#name = name;
    this.#kind = undefined;
    this.#strings = [];
    this.#numbers = [];
    if (cursor.bytes[cursor.at] !== OPEN_ARRAY) this.#element();
    else {
      for (let more = cursor.enter(CLOSE_ARRAY); more; more = cursor.hasNext(CLOSE_ARRAY)) {
        cursor.skipSpace();
        this.#element();
      }
    }
    return this.#list();
  }

  #list(): FeatureList {
    switch (this.#kind) {
      case undefined:
        return { kind: 'unset' };
      case 'string':
        return { kind: 'string', values: this.#strings };
      case 'float32':
        return { kind: 'float32', values: this.#numbers.map(Number) };
      case 'int64':
        return { kind: 'int64', values: this.#numbers };
    }
  }

  #element(): void {
    const cursor = this.#cursor;
    switch (cursor.bytes[cursor.at]) {
      case QUOTE: {
        const start = cursor.at + 1;
        cursor.skipString();
        this.#pushString(Buffer.from(stringBytes(cursor.bytes, start, cursor.at - 1)));
        return;
      }
      case OPEN_OBJECT:
        this.#pushString(this.#base64());
        return;
      case LOWER_T:
      case LOWER_F: {
        const isTrue = cursor.bytes[cursor.at] === LOWER_T;
        cursor.skipValue();
        this.#pushNumber('int64', isTrue ? 1 : 0);
        return;
      }
      case OPEN_ARRAY:
      case LOWER_N:
        throw this.#fail(
          `has ${kindOf(cursor)}; send numbers, strings, true, false or {"b64": "..."}, in a list or alone`,
        );
      default:
        this.#number();
    }
  }

  #number(): void {
    const cursor = this.#cursor;
    const start = cursor.at;
    cursor.skipNumber();
    const text = cursor.text(start, cursor.at);
    const value = Number(text.replace(/^(-?)Inf$/, '$1Infinity'));
    if (!INTEGER.test(text)) this.#pushNumber('float32', value);
    else if (Number.isSafeInteger(value)) this.#pushNumber('int64', value);
    else this.#longInteger(BigInt(text), value);
  }

  #longInteger(exact: bigint, rounded: number): void {
    if (exact >= LEAST_INT64 && exact <= MOST_INT64) this.#pushNumber('int64', exact);
    else if (exact > MOST_INT64 && exact <= MOST_UINT64) {
      throw this.#fail(`has ${exact}, which is more than an int64 holds; send at most ${MOST_INT64}, or a string`);
    } else this.#pushNumber('float32', rounded);
  }

  #base64(): Uint8Array {
    const text = base64Member(this.#cursor);
    if (text === undefined) throw this.#fail('has an object; of objects only {"b64": "..."} is a value');
    const bytes = decodeBase64(text);
    if (bytes !== undefined) return bytes;
    throw this.#fail('has a "b64" that is not base64; use the standard alphabet (A-Z a-z 0-9 + /)');
  }

  #pushString(bytes: Uint8Array): void {
    if (this.#kind !== undefined && this.#kind !== 'string') throw this.#mixed();
    this.#kind = 'string';
    this.#strings.push(bytes);
  }

  #pushNumber(kind: 'float32' | 'int64', value: number | bigint): void {
    if (this.#kind === 'string') throw this.#mixed();
    if (this.#kind !== 'float32') this.#kind = kind;
    this.#numbers.push(value);
  }

  #mixed(): ServingError {
    return this.#fail('has strings and numbers in one list; send values of one kind');
  }

  #fail(what: string): ServingError {
    return invalidRequest(`feature ${quoteName(this.#name)} of ${this.#where} ${what}`);
  }
}
