/**
 * Which texts are JSON: what JSON.parse takes is taken, what it refuses is refused, valid, mutated or made of any
 * tokens, wherever in a body it stands. And what the outline of a body says is what was written.
 *
 * Left out, because we mean to differ: NaN and Infinity (taken, as TensorFlow Serving does), numbers too large for a
 * double and halves of surrogate pairs (refused).
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { PredictBodyScanner } from '../../src/codec/json/predict-body.ts';
import { ServingError } from '../../src/core/errors.ts';
import { anyText, respelled } from '../support/json-spelling.ts';

const MEANT_TO_DIFFER = /N|I|[eE]\+?\d{3}|\\u[dD][89a-fA-F]/;

/** Where a value may stand in a body. */
const places = fc.constantFrom(
  (text: string) => `{"k":${text}}`,
  (text: string) => `{"signature_name":${text}}`,
  (text: string) => `{"instances":${text}}`,
  (text: string) => `{"instances":[[1,2],${text}]}`,
  (text: string) => `{"inputs":${text},"k":1}`,
  (text: string) => `{"inputs":{"x":${text}}}`,
);

const scanner = new PredictBodyScanner();

function agreesWithParse(text: string): void {
  fc.pre(!MEANT_TO_DIFFER.test(text));
  let refusal: unknown;
  try {
    scanner.scan(Buffer.from(text));
  } catch (error) {
    assert.ok(error instanceof ServingError && error.kind === 'invalid_request', `${text}: ${error}`);
    refusal = error.message;
  }
  try {
    JSON.parse(text);
  } catch {
    assert.notEqual(refusal, undefined, `${text} is no JSON, but was taken`);
    return;
  }
  // Valid JSON may still be no predict body, which has words of its own.
  assert.doesNotMatch(String(refusal), /not valid JSON|more text follows|is empty/, text);
}

const json = fc
  .tuple(fc.jsonValue({ depthSize: 'medium' }), fc.constantFrom(undefined, 1, '\t', '\r\n '))
  .map(([value, gap]) => JSON.stringify(value, undefined, gap));

test('any JSON is taken', () => {
  fc.assert(
    fc.property(json, places, (text, place) => agreesWithParse(place(text))),
    { numRuns: 3000 },
  );
});

const piece = fc.oneof(
  fc.constantFrom(...'{}[],:"\\0123456789.-+eEtfnu \t\n\u0000\u007f\u00e9'),
  fc.string({ maxLength: 2 }),
);
const edits = fc.array(fc.tuple(fc.nat(), fc.nat({ max: 2 }), piece), { minLength: 1, maxLength: 3 });

test('mutated JSON is taken or refused as JSON.parse does', () => {
  fc.assert(
    fc.property(json, places, edits, (value, place, list) => {
      let text = place(value);
      for (const [at, removed, added] of list) {
        // The outermost bracket stays: what is no object is refused before its syntax is known.
        const from = 1 + (at % text.length);
        text = text.slice(0, from) + added + text.slice(from + removed);
      }
      agreesWithParse(text);
    }),
    { numRuns: 10_000 },
  );
});

const token = fc.constantFrom(
  ...['{', '}', '[', ']', ',', ':', '"a"', '"', '\\', '""', '"\\n"', '"\\u0041"', '"\\u00g1"', '"\\u004"', '"\\x"'],
  ...['0', '1', '-1', '-', '01', '1.5', '1.', '.5', '1e5', '1e', '1E-2', '+1', '123456789012', '0.1234567890123'],
  ...['true', 'false', 'null', 'tru', 'nullx', '', ' ', '\n'],
);

test('any tokens in any order are taken or refused as JSON.parse does', () => {
  const tokens = fc.array(token, { maxLength: 12 }).map((list) => list.join(''));
  const listed = fc.array(token, { maxLength: 6 }).map((list) => `[${list.join(',')}]`);
  fc.assert(
    fc.property(fc.oneof(tokens, listed), places, (text, place) => agreesWithParse(place(text))),
    { numRuns: 20_000 },
  );
});

test('brackets as deep as they come are no trouble', () => {
  for (const depth of [10, 1000, 100_000]) {
    for (const [open, close] of [
      ['[', ']'],
      ['{"k":', '}'],
    ] as const) {
      for (const inner of ['1', 'x']) {
        const text = open.repeat(depth) + inner + close.repeat(depth);
        for (const key of ['k', 'instances']) {
          const scan = (): unknown => scanner.scan(Buffer.from(`{"${key}":${text}}`));
          if (inner === '1') assert.doesNotThrow(scan);
          else assert.throws(scan, ServingError);
        }
      }
    }
  }
});

const value = fc.oneof(
  fc.constantFrom('null', '[[1,2],[3,4]]', '"x"', '{"k":[1]}', '7'),
  anyText(5).map((each) => JSON.stringify(each)),
);
const text = anyText(8);
const members = (names: fc.Arbitrary<string>): fc.Arbitrary<[string, string][]> =>
  fc.uniqueArray(fc.tuple(names, value), { maxLength: 5, selector: ([key]) => key });
const spelling = fc.infiniteStream(fc.boolean());

/** Not held against JSON.parse: V8 13.6 (Node 24) reads a key of one character that is written as \uXXXX as a backslash. */
test('names and members are read as they are meant, however they are spelled', () => {
  const keys = fc.oneof(fc.constantFrom('instances', 'other', '', 'signature'), text);
  fc.assert(
    fc.property(members(keys), members(text), text, spelling, (outer, inner, signature, escapes) => {
      fc.pre(!outer.some(([key]) => key === 'inputs' || key === 'signature_name'));
      const object = (list: readonly (readonly [string, string])[]): string =>
        `{${list.map(([key, of]) => `${respelled(key, escapes)}:${of}`).join(',')}}`;
      const name = ['signature_name', respelled(signature, escapes)] as const;
      const body = object([...outer, ['inputs', object(inner)], name]);
      const scanned = scanner.scan(Buffer.from(body));
      assert.equal(scanned.signatureName, signature);
      assert.equal(
        scanned.instances !== undefined,
        outer.some(([key]) => key === 'instances'),
      );
      const names = scanned.inputs!.members!.map((member) => member.name);
      assert.deepEqual(
        names,
        inner.map(([key]) => key),
      );
    }),
    { numRuns: 3000 },
  );
});
