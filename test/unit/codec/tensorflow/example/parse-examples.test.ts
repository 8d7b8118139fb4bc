import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import { parseExamples } from '../../../../../src/codec/tensorflow/example/parse-examples.ts';
import type { DType } from '../../../../../src/core/dtype.ts';
import { ServingError } from '../../../../../src/core/errors.ts';
import type { FeatureSpec } from '../../../../../src/core/feature-spec.ts';
import { numericTensor, stringTensor, type TensorMap } from '../../../../../src/core/tensor.ts';
import { exampleBytes, type FeatureInput, featureSpec, valuesOf } from '../../../../support/feature-specs.ts';
import { encode } from '../../../../support/proto-registry.ts';
import { bytesField, tag, varint } from '../../../../support/wire-fragments.ts';

const MAX_BYTES = 1 << 20;

function parse(specs: readonly FeatureSpec[], ...examples: readonly Uint8Array[]): TensorMap {
  return parseExamples(specs, examples, { signatureName: 'sig', maxBytes: MAX_BYTES });
}

function parseOne(spec: FeatureSpec, ...examples: readonly Readonly<Record<string, FeatureInput>>[]) {
  return parse([spec], ...examples.map(exampleBytes)).get(spec.input);
}

function refuses(act: () => unknown, kind: string, ...says: readonly RegExp[]): void {
  assert.throws(act, (error: unknown) => {
    assert.ok(error instanceof ServingError);
    assert.equal(error.kind, kind, error.message);
    for (const phrase of says) assert.match(error.message, phrase);
    return true;
  });
}

test('examples become rows of one tensor a feature, in the order of the specs', () => {
  const specs = [featureSpec('b', 'string', []), featureSpec('a', 'float32', [2], { input: 'x' })];
  const tensors = parse(
    specs,
    exampleBytes({ a: [1, 2], b: ['one'], other: [9n] }),
    exampleBytes({ b: ['two'], a: [3.5, 4] }),
  );
  assert.deepEqual([...tensors.keys()], ['b', 'x']);
  assert.deepEqual(tensors.get('x')!.shape, [2, 2]);
  assert.deepEqual(valuesOf(tensors.get('x')), [1, 2, 3.5, 4]);
  assert.deepEqual(tensors.get('b')!.shape, [2]);
  assert.deepEqual(valuesOf(tensors.get('b')), ['one', 'two']);
});

test('a float feature takes integers: JSON writes 1.0 as 1', () => {
  assert.deepEqual(valuesOf(parseOne(featureSpec('x', 'float32', [2]), { x: [1n, -3n] })), [1, -3]);
});

const CASTS: readonly [DType, FeatureInput, readonly unknown[]][] = [
  ['float64', [0.5, -2], [0.5, -2]],
  ['float16', [1, 2], [0x3c00, 0x4000]],
  ['bfloat16', [1, 2], [0x3f80, 0x4000]],
  ['int32', [-5n, 2147483647n], [-5, 2147483647]],
  ['int8', [-128n, 127n], [-128, 127]],
  ['uint8', [0n, 255n], [0, 255]],
  ['uint32', [0n, 4294967295n], [0, 4294967295]],
  ['int64', [-(2n ** 63n), 2n ** 63n - 1n], [-(2n ** 63n), 2n ** 63n - 1n]],
  ['uint64', [0n, 2n ** 63n - 1n], [0n, 2n ** 63n - 1n]],
  ['bool', [0n, 7n], [0, 1]],
];

for (const [dtype, sent, want] of CASTS) {
  test(`values are cast to ${dtype}`, () => {
    assert.deepEqual(valuesOf(parseOne(featureSpec('x', dtype, [2]), { x: sent })), want);
  });
}

for (const [dtype, value] of [
  ['int8', 128n],
  ['uint16', -1n],
  ['int32', 2n ** 31n],
  ['uint64', -1n],
] as const) {
  test(`${value} is refused for ${dtype}, and does not wrap`, () => {
    const spec = featureSpec('x', dtype, []);
    refuses(() => parseOne(spec, { x: [value] }), 'invalid_request', /"sig": feature "x" of example 0 holds -?\d+/);
  });
}

test('a feature that is missing gets the default, each example for itself', () => {
  const spec = featureSpec('x', 'float32', [2], {
    filler: numericTensor('float32', [2], Float32Array.of(7, 8)),
  });
  assert.deepEqual(valuesOf(parseOne(spec, {}, { x: [1, 2] }, { x: [] })), [7, 8, 1, 2, 7, 8]);
  const text = featureSpec('t', 'string', [], { filler: stringTensor([], [Buffer.from('none')]) });
  assert.deepEqual(valuesOf(parseOne(text, { t: ['a'] }, {})), ['a', 'none']);
});

test('a feature that is missing without a default is named, with its example and what it wants', () => {
  const spec = featureSpec('x', 'float32', [3]);
  refuses(
    () => parseOne(spec, { x: [1, 2, 3] }, { y: [1] }),
    'invalid_request',
    /feature "x" of example 1 is missing and has no default/,
    /send 3 values in a float_list \(shape \[3\]\)/,
  );
});

test('another kind and another count are refused with both numbers', () => {
  const spec = featureSpec('x', 'int64', [2]);
  refuses(() => parseOne(spec, { x: [1.5, 2] }), 'invalid_request', /holds a float_list, but an int64_list is wanted/);
  refuses(() => parseOne(spec, { x: [1n] }), 'invalid_request', /has 1 values; send 2 values/);
  refuses(() => parseOne(featureSpec('x', 'string', []), { x: [1n] }), 'invalid_request', /a bytes_list is wanted/);
});

test('rows of different lengths are padded up to the longest', () => {
  const spec = featureSpec('x', 'int32', [-1], { filler: numericTensor('int32', [], Int32Array.of(-1)) });
  const tensor = parseOne(spec, { x: [1n] }, {}, { x: [2n, 3n, 4n] });
  assert.deepEqual(tensor!.shape, [3, 3]);
  assert.deepEqual(valuesOf(tensor), [1, -1, -1, -1, -1, -1, 2, 3, 4]);
  const text = parseOne(featureSpec('x', 'string', [-1]), { x: ['a', 'b'] }, { x: ['c'] });
  assert.deepEqual(valuesOf(text), ['a', 'b', 'c', '']);
  const wide = parseOne(featureSpec('x', 'float32', [-1, 2]), { x: [1, 2, 3, 4] }, { x: [5, 6] });
  assert.deepEqual(
    [wide!.shape, valuesOf(wide)],
    [
      [2, 2, 2],
      [1, 2, 3, 4, 5, 6, 0, 0],
    ],
  );
  refuses(
    () => parseOne(featureSpec('x', 'float32', [-1, 2]), { x: [1, 2, 3] }),
    'invalid_request',
    /a multiple of 2 values/,
  );
});

test('text for a runtime that takes UTF-8 alone is checked', () => {
  const spec = featureSpec('x', 'string', [], { isText: true });
  refuses(() => parseOne(spec, { x: ['a\0b'] }), 'invalid_request', /NUL byte/);
  const broken = encode('tensorflow.Example', {
    features: { feature: { x: { kind: { case: 'bytesList', value: { value: [Buffer.from([0xff])] } } } } },
  });
  refuses(() => parse([spec], broken), 'invalid_request', /not valid UTF-8/);
});

test('few bytes cannot ask for much memory', () => {
  const wide = featureSpec('x', 'float64', [1000], {
    filler: numericTensor('float64', [1000], new Float64Array(1000)),
  });
  const none = new Array<Uint8Array>(200).fill(exampleBytes({}));
  refuses(() => parse([wide], ...none), 'too_large', /feature "x".*1048576 bytes; send fewer examples/);
  const padded = featureSpec('x', 'int64', [-1]);
  const long = exampleBytes({ x: new Array<bigint>(2000).fill(1n) });
  refuses(() => parse([padded], long, ...none), 'too_large');
});

/** One Features map entry with its value given as bytes, in parts. */
function entry(name: string, ...parts: readonly Uint8Array[]): Uint8Array {
  return bytesField(1, Buffer.concat([bytesField(1, Buffer.from(name)), ...parts.map((part) => bytesField(2, part))]));
}

const floatList = (...values: readonly number[]): Uint8Array =>
  bytesField(2, bytesField(1, Buffer.from(Float32Array.from(values).buffer)));
const int64List = (...values: readonly number[]): Uint8Array =>
  bytesField(3, bytesField(1, Buffer.concat(values.map((value) => varint(value)))));

test('lists come packed, unpacked and in parts, and are one list', () => {
  const unpacked = Buffer.concat([tag(1, 5), Buffer.from(Float32Array.of(2).buffer)]);
  const example = bytesField(1, entry('x', floatList(1), bytesField(2, unpacked), floatList(3, 4)));
  assert.deepEqual(valuesOf(parse([featureSpec('x', 'float32', [4])], example).get('x')), [1, 2, 3, 4]);
  const halves = Buffer.concat([bytesField(1, entry('x', int64List(1))), bytesField(1, entry('y', int64List(2)))]);
  assert.deepEqual(valuesOf(parse([featureSpec('y', 'int64', [])], halves).get('y')), [2n]);
});

test('the last of several kinds counts, and the last of two equal entries', () => {
  const changed = bytesField(1, entry('x', floatList(1, 2), int64List(5), floatList(3)));
  assert.deepEqual(valuesOf(parse([featureSpec('x', 'float32', [])], changed).get('x')), [3]);
  const twice = bytesField(1, Buffer.concat([entry('x', floatList(1)), entry('x', floatList(9))]));
  assert.deepEqual(valuesOf(parse([featureSpec('x', 'float32', [])], twice).get('x')), [9]);
});

test('no example gives tensors without rows', () => {
  assert.deepEqual(parse([featureSpec('x', 'float32', [2])]).get('x')!.shape, [0, 2]);
});
