/**
 * A predict body's outline: one strict walk over the whole text that checks its syntax, reads signature_name, and takes
 * the values of `instances` and `inputs` as number grids where they are ones.
 *
 * The conversion into tensors comes after, when the signature is known: the order of checks is TensorFlow Serving's
 * (syntax, signature_name, model, signature, then instances or inputs), so bad JSON for an unknown model is 400 and not
 * 404.
 *
 * As TensorFlow Serving: a UTF-8 byte order mark is skipped, unknown keys are ignored, of a key that stands twice the
 * first counts. Unlike it, anything but white space after the object is an error.
 *
 * One scanner serves many bodies, one after the other: what `scan` returns is valid until `release` or the next scan.
 */
import type { Buffer } from 'node:buffer';
import { ServingError } from '../../core/errors.ts';
import { CLOSE_OBJECT, MINUS, NINE, OPEN_ARRAY, OPEN_OBJECT, QUOTE, ZERO } from './json-chars.ts';
import { JsonCursor } from './json-cursor.ts';
import { GridScanner, type NumericGrid } from './json-grid.ts';
import { stringText } from './json-string.ts';

/** Named tensors that `inputs` may hold: far above any model, far below what would hurt memory. */
const MAX_MEMBERS = 1000;

const KNOWN_KEYS: readonly string[] = ['instances', 'inputs', 'signature_name'];

export interface JsonValue {
  /** Offset of its first byte. */
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
  /** Undefined if the body does not say. */
  readonly signatureName: string | undefined;
  readonly instances: JsonValue | undefined;
  readonly inputs: JsonValue | undefined;
}

export class PredictBodyScanner {
  /** The text, for who reads values that are no grid. */
  readonly cursor = new JsonCursor();
  readonly #grids = new GridScanner();

  /** Where grids keep their numbers. */
  get numbers(): Float64Array {
    return this.#grids.numbers;
  }

  /** Throws `invalid_request`. */
  scan(bytes: Buffer): PredictBody {
    const { cursor } = this;
    this.#grids.reset();
    cursor.open(bytes, startOfText(bytes));
    const first = cursor.skipSpace();
    if (first === undefined) throw invalid('the body is empty; send a JSON object with "instances" or "inputs"');
    if (first !== OPEN_OBJECT) {
      cursor.skipValue();
      throw invalid('the body is no JSON object; send {"instances": [...]} or {"inputs": ...}');
    }
    const body = this.#members();
    if (cursor.skipSpace() !== undefined) {
      throw cursor.error('the object has ended, but more text follows; send one JSON object and nothing after it');
    }
    return body;
  }

  /** Lets go of the body and of what was made of it. */
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
    cursor.at++;
    if (cursor.skipSpace() === CLOSE_OBJECT) cursor.at++;
    else {
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
    if (!isNamed) throw invalid('"signature_name" is no string; send the name of a signature, or leave it out');
    return { signatureName, instances, inputs };
  }

  #key(): string {
    const { cursor } = this;
    cursor.skipSpace();
    const start = cursor.at + 1;
    cursor.skipKey();
    // Only the name's own bytes: back over the colon and white space to the closing quote.
    let end = cursor.at - 1;
    while (cursor.bytes[end] !== QUOTE) end--;
    return knownKey(cursor.bytes, start, end) ?? stringText(cursor.bytes, start, end);
  }

  /** The string at the cursor; undefined, and past the value, if it is none. */
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
    cursor.at++;
    if (cursor.skipSpace() === CLOSE_OBJECT) cursor.at++;
    else {
      do {
        if (members.length === MAX_MEMBERS) throw invalid(`"inputs" names more than ${MAX_MEMBERS} tensors`);
        members.push({ name: this.#key(), value: this.#value() });
      } while (cursor.hasNext(CLOSE_OBJECT));
    }
    return { at, grid: undefined, members };
  }
}

/** One of the keys that nearly every body has, without a string of its own. Written with escapes it is not found. */
function knownKey(bytes: Buffer, start: number, end: number): string | undefined {
  for (const key of KNOWN_KEYS) {
    if (key.length !== end - start) continue;
    let at = 0;
    while (at < key.length && bytes[start + at] === key.charCodeAt(at)) at++;
    if (at === key.length) return key;
  }
  return undefined;
}

/** Past a UTF-8 byte order mark. */
export function startOfText(bytes: Buffer): number {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
}

function invalid(message: string): ServingError {
  return new ServingError('invalid_request', message);
}
