/**
 * Predict bodies → tensors, held against JSON.parse; and bodies that are damaged, which must be refused and nothing
 * else.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { readInputs } from '../../src/codec/json/json-inputs.ts';
import { OutputsPrinter } from '../../src/codec/json/json-outputs.ts';
import { PredictBodyScanner } from '../../src/codec/json/predict-body.ts';
import { ServingError } from '../../src/core/errors.ts';
import { elementCount } from '../../src/core/shape.ts';
import { inputsOf, plainTensor, readBody, readX } from '../support/json-bodies.ts';
import { anyTensor } from '../support/tensor-arbitrary.ts';

const space = fc.string({ unit: fc.constantFrom(' ', '\n', '\t', '\r'), maxLength: 2 });

/** A nested list of the shape with white space everywhere that it may stand. */
function nested(shape: readonly number[], texts: readonly string[], gap: string): string {
  if (shape.length === 0) return texts[0]!;
  const [length, ...rest] = shape as [number, ...number[]];
  const each = elementCount(rest);
  const items = Array.from({ length }, (_, i) => nested(rest, texts.slice(i * each, (i + 1) * each), gap));
  return `[${gap}${items.join(`${gap},${gap}`)}${gap}]`;
}

const shape = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 });

const numberText = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.integer().map(String),
  fc.float({ noNaN: true, noDefaultInfinity: true }).map((value) => value.toExponential(8)),
);

const numericBody = fc
  .tuple(shape, space, fc.infiniteStream(numberText))
  .map(([dims, gap, texts]) => ({ dims, text: nested(dims, [...texts.take(elementCount(dims))], gap), gap }));

test('rectangular lists of numbers are what JSON.parse makes of them', () => {
  fc.assert(
    fc.property(numericBody, fc.constantFrom('float32', 'float64'), ({ dims, text, gap }, dtype) => {
      const flat = (JSON.parse(text) as unknown[]).flat(Infinity) as number[];
      const values = dtype === 'float32' ? flat.map(Math.fround) : flat;
      for (const key of ['instances', 'inputs']) {
        const body = `${gap}{${gap}"${key}"${gap}:${gap}${text}${gap}}${gap}`;
        assert.deepEqual(readX(body, dtype), { shape: dims, values });
      }
    }),
    { numRuns: 1000 },
  );
});

test('64-bit integers are exact, in every form', () => {
  const body = fc
    .tuple(shape, space, fc.infiniteStream(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })))
    .map(([dims, gap, values]) => ({ dims, gap, values: [...values.take(elementCount(dims))] }));
  fc.assert(
    fc.property(body, ({ dims, gap, values }) => {
      const text = nested(dims, values.map(String), gap);
      assert.deepEqual(readX(`{"instances":${text}}`, 'int64'), { shape: dims, values });
      const named = `{"instances":[{"b":${text},"a":${values[0]}},{"a":0,"b":${text}}]}`;
      assert.deepEqual(readBody(named, { a: 'int64', b: 'int64' }), {
        a: { shape: [2], values: [values[0]!, 0n] },
        b: { shape: [2, ...dims], values: [...values, ...values] },
      });
    }),
    { numRuns: 500 },
  );
});

test('any JSON is a tensor or a refusal, and a refusal exactly where the lists are no rectangle of numbers', () => {
  const isRectangle = (value: unknown): readonly number[] | undefined => {
    if (typeof value === 'number') return [];
    if (!Array.isArray(value)) return undefined;
    if (value.length === 0) return [0];
    const [first, ...rest] = value.map(isRectangle);
    const isSame = rest.every((other) => other !== undefined && JSON.stringify(other) === JSON.stringify(first));
    return first !== undefined && isSame ? [value.length, ...first] : undefined;
  };
  const item = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      { weight: 4, arbitrary: fc.integer() },
      { weight: 4, arbitrary: fc.array(tie('value'), { maxLength: 3 }) },
      fc.constantFrom(null, true, 'x', {}),
    ),
  })).value;
  fc.assert(
    fc.property(item, (value) => {
      const expected = isRectangle(value);
      const read = (): unknown => readX(`{"inputs":{"x":${JSON.stringify(value)}}}`, 'float64').shape;
      if (expected === undefined) assert.throws(read, ServingError);
      else assert.deepEqual(read(), expected);
    }),
    { numRuns: 5000 },
  );
});

const wholeBodies = [
  '{"signature_name":"s","instances":[[1.5,-2e3],[0.25,NaN]]}',
  '{"instances":[{"a":1,"b":[true]},{"b":[false],"a":-2}],"signature_name":"\\u00e9"}',
  '{"inputs":{"a":[1,2],"b":{"b64":"aGk="}},"other":{"k":[null,"\\n"]}}',
  '{"inputs":["\\ud83d\\ude00",{"b64":"aGk="},"x"]}',
];

function refusesOrReads(bytes: Buffer): void {
  const scanner = new PredictBodyScanner();
  for (const dtypes of [{ x: 'float32' }, { x: 'string' }, { a: 'int64', b: 'bool' }] as const) {
    try {
      readInputs(scanner, scanner.scan(bytes), inputsOf(dtypes));
    } catch (error) {
      assert.ok(
        error instanceof ServingError && error.kind === 'invalid_request',
        `${bytes.toString('latin1')}: ${error}`,
      );
    }
  }
}

test('a body cut short at any byte is not valid JSON', () => {
  for (const body of wholeBodies) {
    for (let length = 0; length < body.length; length++) {
      assert.throws(
        () => readX(body.slice(0, length), 'float32'),
        (error) => error instanceof ServingError && /not valid JSON|body is empty/.test(error.message),
      );
    }
  }
});

test('a damaged body is refused or read, nothing else', () => {
  const damaged = fc.tuple(
    fc.constantFrom(...wholeBodies),
    fc.array(
      fc.tuple(fc.nat({ max: 100 }), fc.nat({ max: 2 }), fc.constantFrom(...Buffer.from('{}[],:"\\0e-.Nn\x00\xff b'))),
      {
        minLength: 1,
        maxLength: 4,
      },
    ),
  );
  fc.assert(
    fc.property(damaged, ([body, edits]) => {
      let bytes = Buffer.from(body, 'latin1');
      for (const [at, removed, byte] of edits) {
        const place = at % bytes.length;
        bytes = Buffer.concat([bytes.subarray(0, place), Buffer.of(byte), bytes.subarray(place + removed)]);
      }
      refusesOrReads(bytes);
    }),
    { numRuns: 5000 },
  );
});

test('any bytes are refused or read', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => refusesOrReads(Buffer.from(bytes))),
    { numRuns: 2000 },
  );
});

test('what is printed reads back, and prints the same again', () => {
  const printer = new OutputsPrinter();
  const scanner = new PredictBodyScanner();
  fc.assert(
    fc.property(anyTensor, (tensor) => {
      // Bytes that are no text come back only as base64, so the name asks for it.
      const name = 'x_bytes';
      const printed = printer.print(new Map([[name, tensor]]), 'columnar').toString('latin1');
      const body = scanner.scan(Buffer.from(printed.replace('"outputs"', '"inputs"'), 'latin1'));
      const read = readInputs(scanner, body, inputsOf({ [name]: tensor.dtype })).get(name)!;
      assert.equal(printer.print(new Map([[name, read]]), 'columnar').toString('latin1'), printed);
      // NaNs print alike, whatever their bits.
      if (!tensor.dtype.includes('float')) assert.deepEqual(plainTensor(read).values, plainTensor(tensor).values);
    }),
    { numRuns: 3000 },
  );
});
