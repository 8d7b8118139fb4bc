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
