/**
 * One element of a tensor from its JSON text, by dtype, with TensorFlow Serving's rules:
 *
 * | dtype                      | accepts |
 * |----------------------------|-------|
 * | float32, float64           | any number; beyond the range it is ±infinity; a float32 is its double rounded |
 * | float16, bfloat16          | any number, rounded once to nearest even (TensorFlow Serving refuses these) |
 * | int32, int16, int8, uint8  | integers in int32's range; narrower types wrap (200 is -56 in int8) |
 * | uint16                     | the same (TensorFlow Serving refuses it) |
 * | uint32, int64, uint64      | integers in their range, exact |
 * | bool                       | true and false |
 * | string                     | a string, or {"b64": "..."} for bytes |
 *
 * An integer has neither fraction nor exponent: 1.0 and 1e2 are not integers. Other protocols have the same rules, but
 * narrow types take only what they can hold.
 */
import { Buffer } from 'node:buffer';
import type { ElementBuffer } from './element-buffer.ts';
import { CLOSE_OBJECT, LOWER_F, LOWER_N, LOWER_T, OPEN_ARRAY, OPEN_OBJECT, QUOTE } from './json-chars.ts';
import type { JsonCursor } from './json-cursor.ts';
import { NumberReader } from './json-number.ts';
import { decodeBase64, stringBytes } from './json-string.ts';

/** The problem of an element, for an error text: "is …, but … wants …; <fix>". */
export interface ElementProblem {
  readonly is: string;
  readonly fix: string;
}

/** The most characters of a number in an error text. */
const MAX_SHOWN = 40;

const INTEGER = /^-?\d+$/;

const RANGES = {
  int8: [-128n, 127n],
  uint8: [0n, 255n],
  int16: [-(2n ** 15n), 2n ** 15n - 1n],
  uint16: [0n, 2n ** 16n - 1n],
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
} as const;

export class ElementReader {
  readonly #cursor: JsonCursor;
  readonly #elements: ElementBuffer;
  readonly #numbers = new NumberReader();
  readonly #number = new Float64Array(1);
  readonly #wraps: boolean;
  readonly #takesMissing: boolean;

  /** `wraps`: narrow integers do, as in the table. `takesMissing`: a null is NaN among floats. */
  constructor(cursor: JsonCursor, elements: ElementBuffer, wraps = true, takesMissing = false) {
    this.#cursor = cursor;
    this.#elements = elements;
    this.#wraps = wraps;
    this.#takesMissing = takesMissing;
  }

  /** Appends the element at the cursor and moves past it, or returns the problem. */
  read(): ElementProblem | undefined {
    const { dtype } = this.#elements;
    switch (dtype) {
      case 'string':
        return this.#readString();
      case 'bool':
        return this.#readBool();
      case 'float32':
      case 'float64':
      case 'float16':
      case 'bfloat16':
        return this.#readFloat();
      case 'int64':
      case 'uint64':
      case 'uint32':
        return this.#readInteger(dtype);
      case 'int32':
      case 'int16':
      case 'int8':
      case 'uint8':
      case 'uint16':
        return this.#readInteger(this.#wraps ? 'int32' : dtype);
    }
  }

  #readFloat(): ElementProblem | undefined {
    const cursor = this.#cursor;
    const end = this.#numbers.read(cursor.bytes, cursor.at, this.#number, 0);
    if (end !== -1) {
      cursor.at = end;
      this.#elements.pushNumber(this.#number[0]!);
      return undefined;
    }
    const kind = kindOf(cursor);
    if (kind === 'null' && this.#takesMissing) {
      cursor.skipValue();
      this.#elements.pushNumber(Number.NaN);
      return undefined;
    }
    if (kind === 'null') return { is: kind, fix: 'send numbers; NaN is a missing value, if the model takes any' };
    if (kind !== 'a number') return { is: kind, fix: 'send numbers' };
    const text = this.#numberText();
    this.#elements.pushNumber(Number(text.replace(/^(-?)Inf$/, '$1Infinity')));
    return undefined;
  }

  #readInteger(range: keyof typeof RANGES): ElementProblem | undefined {
    const kind = kindOf(this.#cursor);
    if (kind !== 'a number') return { is: kind, fix: 'send whole numbers' };
    const text = this.#numberText();
    if (!INTEGER.test(text)) return { is: shown(text), fix: 'send whole numbers, without fraction or exponent' };
    const value = BigInt(text);
    const [least, most] = RANGES[range];
    if (value < least || value > most) return { is: shown(text), fix: `send whole numbers from ${least} to ${most}` };
    if (range === 'int64' || range === 'uint64') this.#elements.pushBigInt(value);
    else this.#elements.pushNumber(Number(value));
    return undefined;
  }

  #readBool(): ElementProblem | undefined {
    const cursor = this.#cursor;
    const byte = cursor.bytes[cursor.at];
    if (byte !== LOWER_T && byte !== LOWER_F) return { is: kindOf(cursor), fix: 'send true or false' };
    cursor.skipValue();
    this.#elements.pushNumber(byte === LOWER_T ? 1 : 0);
    return undefined;
  }

  #readString(): ElementProblem | undefined {
    const cursor = this.#cursor;
    const { at, bytes } = cursor;
    const kind = kindOf(cursor);
    if (kind === 'a string') {
      cursor.skipString();
      // A copy, because the body's buffer is lent and may be large.
      this.#elements.pushString(Buffer.from(stringBytes(bytes, at + 1, cursor.at - 1)));
      return undefined;
    }
    if (kind !== 'an object') return { is: kind, fix: 'send strings, or {"b64": "..."} for bytes' };
    const text = base64Member(cursor);
    if (text === undefined) return { is: 'an object', fix: 'send strings, or objects with "b64" and a string alone' };
    const decoded = decodeBase64(text);
    if (decoded === undefined) {
      return { is: 'an object whose "b64" is not base64', fix: 'use the standard alphabet (A-Z a-z 0-9 + /)' };
    }
    this.#elements.pushString(decoded);
    return undefined;
  }

  #numberText(): string {
    const cursor = this.#cursor;
    const start = cursor.at;
    cursor.skipNumber();
    return cursor.text(start, cursor.at);
  }
}

/** The kind of value at the cursor, for error texts. */
export function kindOf(cursor: JsonCursor): string {
  switch (cursor.bytes[cursor.at]) {
    case QUOTE:
      return 'a string';
    case OPEN_ARRAY:
      return 'a list';
    case OPEN_OBJECT:
      return 'an object';
    case LOWER_T:
    case LOWER_F:
      return 'a boolean';
    case LOWER_N:
      return 'null';
    default:
      return 'a number';
  }
}

/**
 * The text of the object {"b64": "…"} at the cursor, which moves past it. Undefined for an object with other members;
 * then the cursor stays.
 */
export function base64Member(cursor: JsonCursor): Uint8Array | undefined {
  const { at } = cursor;
  const value = onlyString(cursor);
  if (value === undefined) cursor.at = at;
  return value;
}

function onlyString(cursor: JsonCursor): Uint8Array | undefined {
  const { bytes } = cursor;
  cursor.at++;
  if (cursor.skipSpace() !== QUOTE) return undefined;
  if (cursor.key() !== 'b64') return undefined;
  if (cursor.skipSpace() !== QUOTE) return undefined;
  const valueStart = cursor.at + 1;
  cursor.skipString();
  const valueEnd = cursor.at - 1;
  return cursor.hasNext(CLOSE_OBJECT) ? undefined : stringBytes(bytes, valueStart, valueEnd);
}

function shown(text: string): string {
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}
