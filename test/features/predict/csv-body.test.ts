/** CSV of a model whose columns have names: cells by what they name, or an error. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it } from 'node:test';
import type { ServedTensor } from '../../../src/cli/served-inputs.ts';
import type { Column } from '../../../src/core/columns/columns.ts';
import { csvInstances } from '../../../src/features/predict/csv-body.ts';

function rowsOf(csv: string, list: readonly Column[]): unknown {
  const columns = { list, unknownCategory: 'error' } as const;
  const spec: ServedTensor = { dtype: 'float32', shape: [-1, list.length], tensorName: 'features', columns };
  return JSON.parse(
    csvInstances({ form: 'csv', bytes: Buffer.from(csv), from: 'people.csv' }, new Map([['features', spec]])),
  );
}

const AGE: Column = { name: 'age' };

function inputsOf(csv: string, inputs: Readonly<Record<string, ServedTensor>>): unknown {
  const data = { form: 'csv', bytes: Buffer.from(csv), from: 'people.csv' } as const;
  return JSON.parse(csvInstances(data, new Map(Object.entries(inputs))));
}

const NUMBER: ServedTensor = { dtype: 'float32', shape: [-1, 1], tensorName: '' };
const LINE: ServedTensor = { dtype: 'float32', shape: [-1, -1], tensorName: '' };

describe('CSV of any model', () => {
  it('with a row where the names belong is an error, not a request without that row', () => {
    for (const csv of ['1\n2\n', '1,2.5\n3,4\n', '0\n1\n', '-1e3,0\n1,2\n', '5.1,,1.4\n1,2,3\n', '5.1,nan\n1,2\n'])
      assert.throws(
        () => inputsOf(csv, { x: LINE }),
        /people\.csv begins with .*: that is a row, and not the names/,
        csv,
      );
  });

  it('has the numbers that data frames give as names', () => {
    assert.deepEqual(inputsOf('0\na text\n', { text: { dtype: 'string', shape: [-1], tensorName: '' } }), ['a text']);
    assert.deepEqual(inputsOf('0,1,2\n7,8,9\n', { x: LINE }), [[7, 8, 9]]);
  });

  it('may be separated by semicolons, as spreadsheets write it where numbers have a comma', () => {
    assert.deepEqual(inputsOf('"a,b";c\n1;2\n', { x: LINE }), [[1, 2]]);
    assert.throws(() => inputsOf('a;b\n1,5;2\n', { x: LINE }), /row 1, column "a": "1,5" is no float32; write 1\.5/);
    assert.throws(() => inputsOf('a;b\n1,500;2\n', { x: LINE }), /row 1, column "a": "1,500" is no float32$/);
  });

  it('may have the names that skl2onnx has rewritten', () => {
    const inputs = { Alter__Jahre_: NUMBER, Umsatz__: NUMBER };
    assert.deepEqual(inputsOf('Alter (Jahre),Umsatz €\n33,1\n', inputs), [{ Alter__Jahre_: [33], Umsatz__: [1] }]);
    assert.throws(() => inputsOf('a b,a-b\n33,1\n', { a_b: NUMBER, c: NUMBER }), /names "a b", "a-b"; the inputs are/);
  });

  it('with a row of another length names the line', () => {
    assert.throws(() => inputsOf('a,b\n1,2\n3\n', { x: LINE }), /people\.csv: line 3 has 1 values, and the first/);
  });
});

describe('CSV of columns', () => {
  it('has a cell that reads like a number as a code only where it cannot be a category', () => {
    const city = { name: 'city', categories: ['Bern', 'Oslo'] };
    assert.deepEqual(rowsOf('city,age\nOslo,3\n1,\n', [AGE, city]), [
      { city: 'Oslo', age: 3 },
      { city: 1, age: null },
    ]);
    const zone = { name: 'zone', categories: ['10', '20', '30'] };
    assert.deepEqual(rowsOf('zone\n20\n1\n', [zone]), [{ zone: '20' }, { zone: '1' }]);
  });

  it('is read by the name of the only column, which may be the input’s', () => {
    assert.deepEqual(rowsOf('features\n7\n', [{ name: 'features', categories: [7, 8] }]), [{ features: 7 }]);
  });

  it('with other names is in the order of the file where nobody named the columns, and else an error', () => {
    const madeUp = [{ name: 'Column_0' }, { name: 'Column_1' }];
    assert.deepEqual(rowsOf('a,b\n1,2\n', madeUp), [[1, 2]]);
    assert.throws(
      () => rowsOf('Income,Age\n1,2\n', [AGE, { name: 'income' }]),
      /people\.csv names "Income", "Age", which the model has not; it has "age", "income"/,
    );
  });
});
