/** Rows by the names of their columns, as REST bodies have them. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import { readInputs } from '../../../../src/codec/json/json-inputs.ts';
import { PredictBodyScanner } from '../../../../src/codec/json/predict-body.ts';
import type { Column, Columns } from '../../../../src/core/columns/columns.ts';
import type { TensorSpec } from '../../../../src/core/signature.ts';
import { elements, type NumericTensor } from '../../../../src/core/tensor.ts';

const AGE: Column = { name: 'age' };
const CITY: Column = { name: 'city', categories: ['Bern', 'Oslo', 'Rome'] };
const ZIP: Column = { name: 'zip_code', categories: [10, 20, true] };

interface Given {
  readonly list?: readonly Column[];
  readonly unknownCategory?: Columns['unknownCategory'];
  readonly spec?: Partial<TensorSpec>;
}

function read(body: object | string, { list = [AGE, CITY], unknownCategory = 'error', spec }: Given = {}) {
  const input: TensorSpec = {
    dtype: 'float64',
    shape: [-1, list.length],
    tensorName: 'features',
    columns: { list, unknownCategory },
    takesMissing: true,
    ...spec,
  };
  const scanner = new PredictBodyScanner();
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const inputs = new Map([['features', input]]);
  const tensor = readInputs(scanner, scanner.scan(Buffer.from(text)), { inputs }).get('features') as NumericTensor;
  return { dtype: tensor.dtype, shape: tensor.shape, values: [...elements(tensor)] };
}

describe('rows by the names of columns', () => {
  it('are objects in any order of their keys, and whole columns', () => {
    const wanted = { dtype: 'float64', shape: [2, 2], values: [33, 1, 41.5, 2] };
    const rows = [
      { age: 33, city: 'Oslo' },
      { city: 'Rome', age: 41.5 },
    ];
    assert.deepEqual(read({ instances: rows }), wanted);
    assert.deepEqual(read({ inputs: { city: ['Oslo', 'Rome'], age: [33, 41.5] } }), wanted);
    assert.deepEqual(read({ inputs: { city: [], age: [] } }).shape, [0, 2]);
    const list = Array.from({ length: 5000 }, (_, i) => ({ name: `f${i}` }));
    const columns = Object.fromEntries(list.map(({ name }, i) => [name, [i, -i]]).reverse());
    const { shape, values } = read({ inputs: columns }, { list });
    assert.deepEqual([shape, values[4999], values[5001]], [[2, 5000], 4999, -1]);
  });

  it('have missing values as null or NaN, codes as numbers, booleans as 0 and 1', () => {
    assert.deepEqual(
      read('{"instances":[{"age":null,"city":null},{"age":NaN,"city":NaN}]}').values,
      Array(4).fill(NaN),
    );
    assert.deepEqual(read({ instances: [{ age: true, city: 2 }] }).values, [1, 2]);
    assert.deepEqual(read('{"instances":[{"age":-Infinity,"city":0}]}').values, [-Infinity, 0]);
  });

  it('have numbers as categories where the training had numbers, and names with white space', () => {
    const list = [ZIP];
    const rows = [{ 'zip code': 20 }, { zip_code: true }, { 'zip code': 10.0 }];
    assert.deepEqual(read({ instances: rows }, { list }).values, [1, 2, 0]);
    assert.throws(
      () => read({ instances: [{ zip_code: '20' }] }, { list }),
      /"zip_code" is "20", but the training had/,
    );
    assert.throws(() => read({ instances: [{ zip_code: 1 }] }, { list }), /is 1, but the training had/);
  });

  it('refuse unknown categories, or take them for missing where the model says so', () => {
    const rows = [
      { age: 1, city: 'Paris' },
      { age: 1, city: 3 },
    ];
    const refusal =
      /instances\[0\]: "city" is "Paris", but the training had the categories "Bern", "Oslo", "Rome"; send one/;
    assert.throws(() => read({ instances: rows }), refusal);
    assert.deepEqual(read({ instances: rows }, { unknownCategory: 'missing' }).values, [1, NaN, 1, NaN]);
  });

  it('take no number where it could be a code or a category', () => {
    const list = [{ name: 'zone', categories: ['10', '20', '1'] }];
    assert.deepEqual(read({ instances: [{ zone: '1' }, { zone: null }] }, { list }).values, [2, NaN]);
    for (const unknownCategory of ['error', 'missing'] as const) {
      assert.throws(
        () => read({ instances: [{ zone: 1 }] }, { list, unknownCategory }),
        /"zone" is 1, but a number could be a code or a category of the column; send the category/,
      );
    }
    const flags = { name: 'flag', categories: [true, false] };
    assert.throws(() => read({ inputs: { flag: [1] } }, { list: [flags] }), /"flag" is 1, but a number could be/);
    assert.deepEqual(read({ inputs: { flag: [true] } }, { list: [flags] }).values, [0]);
    const inOrder = { name: 'flag', categories: [false, true] };
    assert.deepEqual(read({ inputs: { flag: [1, true] } }, { list: [inOrder] }).values, [1, 1]);
  });

  it('are rounded once to float32', () => {
    const { dtype, values } = read({ instances: [{ age: 0.1, city: 'Bern' }] }, { spec: { dtype: 'float32' } });
    assert.deepEqual([dtype, values], ['float32', [Math.fround(0.1), 0]]);
  });

  it('keep the whole input possible, also beside a column of its name', () => {
    assert.deepEqual(read({ instances: [{ features: [33, 1] }] }).values, [33, 1]);
    assert.deepEqual(read({ inputs: { features: [[33, 1]] } }).values, [33, 1]);
    assert.deepEqual(read({ instances: [[33, null]] }).values, [33, NaN]);
    const list = [{ name: 'features' }, AGE];
    assert.deepEqual(read({ instances: [{ features: 1, age: 2 }] }, { list }).values, [1, 2]);
    assert.deepEqual(read({ inputs: { features: [1], age: [2] } }, { list }).values, [1, 2]);
    const only = [{ name: 'features', categories: [1, 0] }];
    assert.deepEqual(read({ inputs: { features: [1] } }, { list: only }).values, [0]);
    assert.deepEqual(read({ inputs: { features: [[1]] } }, { list: only }).values, [1]);
  });

  it('name what is wrong', () => {
    const wrong: readonly [object, RegExp][] = [
      [{ instances: [{ age: 1 }] }, /instances\[0\] lacks "city"; send it, or null/],
      [{ instances: [{ age: 1, city: 1 }, {}] }, /instances\[1\] lacks "age", "city"/],
      [
        { instances: [{ age: 1, town: 1 }] },
        /has the key "town", which is no feature of the model; it has "age", "city"/,
      ],
      [{ instances: [{ age: 1, city: 1 }, [1, 2]] }, /instances\[1\] is a list, but the rows before it are objects/],
      [{ instances: [{ age: 'old', city: 1 }] }, /instances\[0\]: "age" is "old", but the column holds numbers/],
      [{ instances: [{ age: [1], city: 1 }] }, /"age" is a list, but send one value/],
      [{ instances: [[1, 'Oslo']] }, /is a string, but .* rows as objects by the names of the features/],
      [{ inputs: { age: [1, 2], city: [1] } }, /inputs\.city has 1 values, but inputs\.age has 2/],
      [{ inputs: { age: [1], city: 'Oslo' } }, /inputs\.city is a string; send a list/],
      [{ inputs: { age: [1] } }, /"inputs" lacks "city"/],
      [{ inputs: { age: [1], city: ['Paris'] } }, /inputs\.city\[0\]: "city" is "Paris"/],
      [{ inputs: {} }, /"inputs" lacks "age", "city"/],
    ];
    for (const [body, text] of wrong) assert.throws(() => read(body), text, JSON.stringify(body));
    assert.throws(() => read('{"instances":[{"age":1,"age":2,"city":1}]}'), /has the key "age" twice/);
    assert.throws(() => read('{"inputs":{"age":[1],"age":[2],"city":[1]}}'), /has the key "age" twice/);
    const list = [{ name: 'age', whyCodes: 'the file has no categories for it; send its codes' }];
    assert.throws(() => read({ instances: [{ age: 'old' }] }, { list }), /is "old", but the file has no categories/);
  });

  it('have no null where the model takes no missing values', () => {
    const spec = { takesMissing: false };
    assert.throws(() => read({ instances: [{ age: null, city: 1 }] }, { spec }), /the model takes no missing values/);
    assert.throws(() => read({ instances: [[null, 1]] }, { spec }), /is null, but .* wants float64; send numbers/);
  });
});

describe('a column that is an input of its own', () => {
  const inputs = new Map<string, TensorSpec>([
    ['age', { dtype: 'float32', shape: [-1, 1], tensorName: 'age', isColumn: true }],
    ['city', { dtype: 'string', shape: [-1, 1], tensorName: 'city', isColumn: true }],
  ]);
  const shapes = (body: object): unknown => {
    const scanner = new PredictBodyScanner();
    const tensors = readInputs(scanner, scanner.scan(Buffer.from(JSON.stringify(body))), { inputs });
    return [...tensors.values()].map(({ shape }) => shape);
  };

  it('takes the values of records and of lists', () => {
    const rows = [
      { age: 3, city: 'Oslo' },
      { age: 4.5, city: 'Rome' },
    ];
    const two = [
      [2, 1],
      [2, 1],
    ];
    assert.deepEqual(shapes({ instances: rows }), two);
    assert.deepEqual(shapes({ instances: rows.map(({ age, city }) => ({ age: [age], city: [city] })) }), two);
    assert.deepEqual(shapes({ inputs: { age: [3, 4.5], city: ['Oslo', 'Rome'] } }), two);
    assert.throws(() => shapes({ instances: [{ age: null, city: 'Oslo' }] }), /instances\[0\]\.age is null/);
    assert.throws(() => shapes({ instances: [{ age: 1, city: null }] }), /instances\[0\]\.city is null/);
  });
});
