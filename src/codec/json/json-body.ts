/**
 * The outline of a predict body: one strict walk over the whole text checks its syntax, reads signature_name, and reads
 * `instances` and `inputs` as number grids where they are ones.
 *
 * They become tensors later, when the signature is known. The order of checks is TensorFlow Serving's: syntax,
 * signature_name, model, signature, instances or inputs. So bad JSON for an unknown model is 400 and not 404.
 *
 * As in TensorFlow Serving, a UTF-8 byte order mark is skipped, unknown keys are ignored, and the first of two equal
 * keys counts. Unlike there, text after the object is an error.
 *
 * One scanner serves many bodies, one after the other: a result of `scan` is valid until `release` or the next scan.
 */
import type { Buffer } from 'node:buffer';
import { invalidRequest } from '../../core/errors.ts';
import { CLOSE_OBJECT, MINUS, NINE, OPEN_ARRAY, OPEN_OBJECT, QUOTE, ZERO } from './json-chars.ts';
import { JsonCursor } from './json-cursor.ts';
import { GridScanner, type NumericGrid } from './json-grid.ts';
import { stringText } from './json-string.ts';

/** The most tensors in `inputs`: far more than any model has, and no danger to memory. */
const MAX_MEMBERS = 1000;

const KNOWN_KEYS: readonly string[] = ['instances', 'inputs', 'signature_name'];

export interface JsonValue {
  /** The offset of its first byte. */
  readonly at: number;
  /** Its numbers, if it is a plain number or a rectangular list of them. */
  readonly grid: NumericGrid | undefined;
  /** Its members, if it is the object under `inputs`. */
  readonly members: readonly JsonMember[] | undefined;
}

export interface JsonMember {
  readonly name: string;
  readonly value: JsonValue;
}

export interface PredictBody {
  /** Undefined if the body has none. */
  readonly signatureName: string | undefined;
  readonly instances: JsonValue | undefined;
  readonly inputs: JsonValue | undefined;
}

export class PredictBodyScanner {
  /** The text, for readers of values that are no grid. */
  readonly cursor = new JsonCursor();
  readonly #grids = new GridScanner();

  /** The numbers of all grids. */
  get numbers(): Float64Array {
    return this.#grids.numbers;
  }

  /** Throws `invalid_request`. */
  scan(bytes: Buffer): PredictBody {
    const { cursor } = this;
    this.#grids.reset();
    cursor.open(bytes, startOfText(bytes));
    const first = cursor.skipSpace();
    if (first === undefined) throw invalidRequest('the body is empty; send a JSON object with "instances" or "inputs"');
    if (first !== OPEN_OBJECT) {
      cursor.skipValue();
      throw invalidRequest('the body is no JSON object; send {"instances": [...]} or {"inputs": ...}');
    }
    const body = this.#members();
    if (cursor.skipSpace() !== undefined) {
      throw cursor.error('the object has ended, but more text follows; send one JSON object and nothing after it');
    }
    return body;
  }

  /** Releases the body and its grids. */
  release(): void {
    this.cursor.close();
    this.#grids.reset();
  }

  #members(): PredictBody {
    const { cursor } = this;
    let signatureName: string | undefined;
    let instances: JsonValue | undefined;
    let inputs: JsonValue | undefined;
    let isNamed = true;
    if (cursor.enter(CLOSE_OBJECT)) {
      do {
        const key = this.#key();
        if (key === 'instances' && instances === undefined) instances = this.#value();
        else if (key === 'inputs' && inputs === undefined) inputs = this.#inputs();
        else if (key === 'signature_name' && isNamed && signatureName === undefined) {
          signatureName = this.#string();
          isNamed = signatureName !== undefined;
        } else cursor.skipValue();
      } while (cursor.hasNext(CLOSE_OBJECT));
    }
    if (!isNamed) throw invalidRequest('"signature_name" is no string; send the name of a signature, or leave it out');
    return { signatureName, instances, inputs };
  }

  #key(): string {
    const { cursor } = this;
    cursor.skipSpace();
    const start = cursor.at + 1;
    cursor.skipKey();
    // Back over the colon and white space to the closing quote.
    let end = cursor.at - 1;
    while (cursor.bytes[end] !== QUOTE) end--;
    return knownKey(cursor.bytes, start, end) ?? stringText(cursor.bytes, start, end);
  }

  /** Moves past the value at the cursor, and returns it if it is a string. */
  #string(): string | undefined {
    const { cursor } = this;
    const isString = cursor.skipSpace() === QUOTE;
    const start = cursor.at + 1;
    cursor.skipValue();
    return isString ? stringText(cursor.bytes, start, cursor.at - 1) : undefined;
  }

  #value(): JsonValue {
    const { cursor } = this;
    const byte = cursor.skipSpace()!;
    const { at } = cursor;
    const mayBeGrid = byte === OPEN_ARRAY || byte === MINUS || (byte >= ZERO && byte <= NINE);
    const grid = mayBeGrid ? this.#grids.scan(cursor.bytes, at) : undefined;
    if (grid === undefined) cursor.skipValue();
    else cursor.at = this.#grids.end;
    return { at, grid, members: undefined };
  }

  #inputs(): JsonValue {
    const { cursor } = this;
    if (cursor.skipSpace() !== OPEN_OBJECT) return this.#value();
    const { at } = cursor;
    const members: JsonMember[] = [];
    if (cursor.enter(CLOSE_OBJECT)) {
      do {
        if (members.length === MAX_MEMBERS) throw invalidRequest(`"inputs" names more than ${MAX_MEMBERS} tensors`);
        members.push({ name: this.#key(), value: this.#value() });
      } while (cursor.hasNext(CLOSE_OBJECT));
    }
    return { at, grid: undefined, members };
  }
}

/** A usual key without escapes, found without making a string; undefined for any other. */
function knownKey(bytes: Buffer, start: number, end: number): string | undefined {
  for (const key of KNOWN_KEYS) {
    if (key.length !== end - start) continue;
    let at = 0;
    while (at < key.length && bytes[start + at] === key.charCodeAt(at)) at++;
    if (at === key.length) return key;
  }
  return undefined;
}

/** The offset after a UTF-8 byte order mark, if there is one. */
export function startOfText(bytes: Buffer): number {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
}
