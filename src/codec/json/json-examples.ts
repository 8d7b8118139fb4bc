/**
 * A classify or regress body → serialized tf.Examples, with TensorFlow Serving's rules:
 *
 *   {"signature_name": "…", "context": {"lang": "de"}, "examples": [{"x": 1.5, "tags": ["a", {"b64": "…"}]}, …]}
 *
 * | JSON                                  | feature |
 * |---------------------------------------|---------|
 * | number without fraction and exponent  | int64 (beyond int64 but within uint64: an error; beyond that: float) |
 * | other number, NaN, Infinity, -Infinity | float |
 * | true, false                           | int64 1, 0 |
 * | string, {"b64": "…"}                  | bytes |
 * | list of those                         | all of one kind; booleans count as integers |
 * | []                                    | an empty feature |
 *
 * Three rules differ: integers beside floats in a list are floats (JSON writers print 1.0 as 1), a feature that occurs
 * twice in an example is an error, and so is text after the object. The whole body is read before the model is looked
 * up.
 */
import type { Buffer } from 'node:buffer';
import { invalidRequest } from '../../core/errors.ts';
import { quoteName } from '../../core/list-names.ts';
import { ExampleCount, withContext } from '../tensorflow/example/example-count.ts';
import { encodeExample, type FeatureList } from '../tensorflow/example/example-writer.ts';
import { CLOSE_ARRAY, CLOSE_OBJECT, OPEN_ARRAY, OPEN_OBJECT, QUOTE } from './json-chars.ts';
import { JsonCursor } from './json-cursor.ts';
import { kindOf } from './json-element.ts';
import { FeatureReader } from './json-feature.ts';

export interface ExamplesBody {
  /** Undefined if the body has none. */
  readonly signatureName: string | undefined;
  /** The context has been merged into each. */
  readonly examples: readonly Uint8Array[];
}

/** Reads bodies one after another. */
export class ExamplesBodyReader {
  readonly #cursor = new JsonCursor();
  readonly #features = new FeatureReader(this.#cursor);
  readonly #maxBytes: number;

  /** `maxBytes`: the most bytes that the examples of one request may take together. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Throws `invalid_request` and `too_large`. `verb` is for error texts: "classify". */
  read(bytes: Buffer, verb: string): ExamplesBody {
    const cursor = this.#cursor;
    try {
      cursor.openObject(bytes, '"examples"', '{"examples": [...]}');
      const body = this.#members(verb);
      cursor.expectEnd();
      return body;
    } finally {
      cursor.close();
    }
  }

  #members(verb: string): ExamplesBody {
    const cursor = this.#cursor;
    let signatureName: string | undefined;
    let context: Uint8Array | undefined;
    let examples: readonly Uint8Array[] | undefined;
    const seen = new Set<string>();
    for (let more = cursor.enter(CLOSE_OBJECT); more; more = cursor.hasNext(CLOSE_OBJECT)) {
      const key = cursor.key();
      cursor.skipSpace();
      // The first of two equal keys counts.
      const isKnown = key === 'signature_name' || key === 'context' || key === 'examples';
      if (!isKnown || seen.has(key)) cursor.skipValue();
      else if (key === 'signature_name') signatureName = this.#signatureName();
      else if (key === 'context') context = this.#example('"context"');
      else examples = this.#examples(verb);
      if (isKnown) seen.add(key);
    }
    if (examples === undefined) {
      throw invalidRequest(
        `the body has no "examples"; for ${verb} send a list of objects, {"feature": value, ...} each`,
      );
    }
    return { signatureName, examples: withContext(examples, context, this.#maxBytes) };
  }

  #signatureName(): string {
    const cursor = this.#cursor;
    if (cursor.bytes[cursor.at] !== QUOTE) {
      cursor.skipValue();
      throw invalidRequest('"signature_name" is no string; send the name of a signature, or leave it out');
    }
    return cursor.string();
  }

  #examples(verb: string): readonly Uint8Array[] {
    const cursor = this.#cursor;
    if (cursor.bytes[cursor.at] !== OPEN_ARRAY) {
      throw invalidRequest(`"examples" is ${kindOf(cursor)}; for ${verb} send a list of objects`);
    }
    if (!cursor.enter(CLOSE_ARRAY)) throw invalidRequest('"examples" is empty; send at least one example');
    const count = new ExampleCount(this.#maxBytes);
    const examples: Uint8Array[] = [];
    do {
      cursor.skipSpace();
      const example = this.#example(`examples[${examples.length}]`);
      count.add(example.length);
      examples.push(example);
    } while (cursor.hasNext(CLOSE_ARRAY));
    return examples;
  }

  /** The object at the cursor; `where` is for error texts. */
  #example(where: string): Uint8Array {
    const cursor = this.#cursor;
    if (cursor.bytes[cursor.at] !== OPEN_OBJECT) {
      throw invalidRequest(`${where} is ${kindOf(cursor)}, but an example is an object; send {"feature": value, ...}`);
    }
    const features = new Map<string, FeatureList>();
    for (let more = cursor.enter(CLOSE_OBJECT); more; more = cursor.hasNext(CLOSE_OBJECT)) {
      const name = cursor.key();
      if (features.has(name)) throw invalidRequest(`${where} has the feature ${quoteName(name)} twice; send it once`);
      cursor.skipSpace();
      features.set(name, this.#features.read(where, name));
    }
    return encodeExample(features);
  }
}
