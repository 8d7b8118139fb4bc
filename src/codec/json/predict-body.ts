/** The outline of a predict body: which keys it has, where their values are, and the numbers of those that are number grids. */
import type { Buffer } from 'node:buffer';
import { invalidRequest } from '../../core/errors.ts';
import { CLOSE_OBJECT, MINUS, NINE, OPEN_ARRAY, OPEN_OBJECT, QUOTE, ZERO } from './json-chars.ts';
import { JsonCursor } from './json-cursor.ts';
import { GridScanner, type NumericGrid } from './json-grid.ts';

/** The most tensors, or columns of one, in `inputs`: more than models have, and a few MiB. */
const MAX_MEMBERS = 2 ** 14;

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
export class PredictBodyScanner {
  /** The text, for readers of values that are no grid. */
  readonly cursor = new JsonCursor();
  /** The grids of the body; `numbers` are those of all of them. */
  readonly grids = new GridScanner();
  /** Unknown names in columnar `inputs` are no error. */
  ignoresUnknown = false;

  /** Throws `invalid_request`. */
  scan(bytes: Buffer): PredictBody {
    const { cursor } = this;
    this.grids.reset();
    cursor.openObject(bytes, '"instances" or "inputs"', '{"instances": [...]} or {"inputs": ...}');
    const body = this.#members();
    cursor.expectEnd();
    return body;
  }

  /** Releases the body and its grids. */
  release(): void {
    this.cursor.close();
    this.grids.reset();
  }

  #members(): PredictBody {
    const { cursor } = this;
    let signatureName: string | undefined;
    let instances: JsonValue | undefined;
    let inputs: JsonValue | undefined;
    let isNamed = true;
    for (let more = cursor.enter(CLOSE_OBJECT); more; more = cursor.hasNext(CLOSE_OBJECT)) {
      const key = cursor.key(KNOWN_KEYS);
      if (key === 'instances' && instances === undefined) instances = this.#value();
      else if (key === 'inputs' && inputs === undefined) inputs = this.#inputs();
      else if (key === 'signature_name' && isNamed && signatureName === undefined) {
        signatureName = this.#string();
        isNamed = signatureName !== undefined;
      } else cursor.skipValue();
    }
    if (!isNamed) throw invalidRequest('"signature_name" is no string; send the name of a signature, or leave it out');
    return { signatureName, instances, inputs };
  }

  /** Moves past the value at the cursor, and returns it if it is a string. */
  #string(): string | undefined {
    const { cursor } = this;
    if (cursor.skipSpace() === QUOTE) return cursor.string();
    cursor.skipValue();
    return undefined;
  }

  #value(): JsonValue {
    const { cursor } = this;
    const byte = cursor.skipSpace()!;
    const { at } = cursor;
    const mayBeGrid = byte === OPEN_ARRAY || byte === MINUS || (byte >= ZERO && byte <= NINE);
    const grid = mayBeGrid ? this.grids.scan(cursor.bytes, at) : undefined;
    if (grid === undefined) cursor.skipValue();
    else cursor.at = this.grids.end;
    return { at, grid, members: undefined };
  }

  #inputs(): JsonValue {
    const { cursor } = this;
    if (cursor.skipSpace() !== OPEN_OBJECT) return this.#value();
    const { at } = cursor;
    const members: JsonMember[] = [];
    for (let more = cursor.enter(CLOSE_OBJECT); more; more = cursor.hasNext(CLOSE_OBJECT)) {
      if (members.length === MAX_MEMBERS)
        throw invalidRequest(`"inputs" names more than ${MAX_MEMBERS} tensors or columns`);
      members.push({ name: cursor.key(KNOWN_KEYS), value: this.#value() });
    }
    return { at, grid: undefined, members };
  }
}
