/** Outputs as classes: which, in what order, and how a value is written. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { test } from 'node:test';
import fc from 'fast-check';
import { atOnce } from '../../../src/core/in-slices.ts';
import { numericTensor, type Tensor } from '../../../src/core/tensor.ts';
import { checkClassOutput, classCounts, withClasses } from '../../../src/features/open-inference/classification.ts';

function classes(
  tensor: Tensor,
  count: number,
  hasRows: boolean,
  names: readonly string[] = [],
): { shape: readonly number[]; texts: string[] } {
  const labels = new Map([['y', names.map((name) => Buffer.from(name))]]);
  const answer = atOnce(withClasses(new Map([['y', tensor]]), new Map([['y', count]]), { hasRows, labels })).get('y')!;
  assert.equal(answer.dtype, 'string');
  const texts = (answer.data as readonly Uint8Array[]).map((bytes) => Buffer.from(bytes).toString('latin1'));
  return { shape: answer.shape, texts };
}

function floats(shape: readonly number[], ...values: number[]): Tensor {
  return numericTensor('float32', shape, Float32Array.from(values));
}

test('the best of each row, where the model has rows', () => {
  const tensor = floats([2, 3], 0.125, 0.75, 0.25, 0.5, 0.5, 0);
  assert.deepEqual(classes(tensor, 2, true), {
    shape: [2, 2],
    texts: ['0.750000:1', '0.250000:2', '0.500000:0', '0.500000:1'],
  });
  assert.deepEqual(classes(tensor, 2, false), { shape: [2], texts: ['0.750000:1', '0.500000:3'] });
});

test('rows without elements have no classes, however many they are', () => {
  assert.deepEqual(classes(floats([2 ** 40, 0]), 3, true), { shape: [2 ** 40, 0], texts: [] });
});

test('labels, for the classes that have one', () => {
  const { texts } = classes(floats([1, 3], 1, 3, 2), 3, true, ['cat', 'dog: big']);
  assert.deepEqual(texts, ['3.000000:1:dog: big', '2.000000:2', '1.000000:0:cat']);
});

test('no more classes than there are', () => {
  assert.deepEqual(classes(floats([1, 2], 1, 2), 9, true), { shape: [1, 2], texts: ['2.000000:1', '1.000000:0'] });
  assert.deepEqual(classes(floats([0, 2]), 9, true), { shape: [0, 2], texts: [] });
  assert.deepEqual(classes(floats([2, 0]), 9, true), { shape: [2, 0], texts: [] });
  assert.deepEqual(classes(floats([], 4), 9, false), { shape: [1], texts: ['4.000000:0'] });
});

test('values are written as C++ writes them', () => {
  const doubles = [1e22, 0.0078125, 0.0234375, -0.0078125, -0, NaN, Infinity, -Infinity, 1e-9];
  const tensor = numericTensor('float64', [doubles.length], Float64Array.from(doubles));
  assert.deepEqual(classes(tensor, doubles.length, false).texts, [
    'inf:6',
    '10000000000000000000000.000000:0',
    // Halfway cases go to the even digit.
    '0.023438:2',
    '0.007812:1',
    '0.000000:8',
    '-0.000000:4',
    '-0.007812:3',
    '-inf:7',
    'nan:5',
  ]);
  const long = numericTensor('int64', [2], BigInt64Array.from([-(2n ** 63n), 2n ** 63n - 1n]));
  assert.deepEqual(classes(long, 2, false).texts, ['9223372036854775807:1', '-9223372036854775808:0']);
  const half = numericTensor('float16', [2], Uint16Array.from([0x3c00, 0x4000]));
  assert.deepEqual(classes(half, 2, false).texts, ['2.000000:1', '1.000000:0']);
});

test('other outputs stay as they are', () => {
  const z = floats([1], 5);
  const outputs = new Map([
    ['y', floats([1, 2], 1, 2)],
    ['z', z],
  ]);
  const answer = atOnce(withClasses(outputs, new Map([['y', 1]]), { hasRows: true, labels: new Map() }));
  assert.deepEqual([...answer.keys()], ['y', 'z']);
  assert.equal(answer.get('z'), z);
});

test('the order is the one of a stable sort', () => {
  const value = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constant(NaN));
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 40 }), (values, count) => {
      const rank = (index: number): number => (Number.isNaN(values[index]) ? -Infinity : values[index]!);
      const sorted = values.map((_, i) => i).sort((a, b) => (rank(a) === rank(b) ? a - b : rank(b) - rank(a)));
      const { texts } = classes(floats([values.length], ...values), count, false);
      assert.deepEqual(
        texts.map((text) => Number(text.split(':')[1])),
        sorted.slice(0, count),
      );
    }),
  );
});

test('what is refused', () => {
  for (const value of [0, -1, 1.5, 'x', true]) {
    const outputs = [{ name: 'y', parameters: new Map([['classification', value]]) }];
    assert.throws(() => classCounts(outputs), { kind: 'invalid_request' });
  }
  const counts = classCounts([
    { name: 'y', parameters: new Map([['classification', 3n]]) },
    { name: 'z', parameters: new Map() },
  ]);
  assert.deepEqual([...counts!], [['y', 3]]);
  assert.equal(classCounts([{ name: 'y', parameters: new Map() }]), undefined);
  assert.throws(() => checkClassOutput('y', 'string'), /BYTES/);
  assert.throws(() => checkClassOutput('y', 'bool'), /BOOL/);
  const wide = numericTensor('float32', [2000], new Float32Array(2000));
  assert.throws(() => classes(wide, 2000, false), /1024/);
});
