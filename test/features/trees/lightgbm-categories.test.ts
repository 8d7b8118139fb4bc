/** LightGBM's lists of categories are paired with the features that they belong to, or with none. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type CategoryLists,
  categoryLists,
  type FeatureInfo,
  featureInfo,
  pairCategories,
} from '../../../src/backends/trees/lightgbm/lightgbm-categories.ts';

const CITIES = ['Bern', 'Oslo', 'Rome'];
const SIZES = ['S', 'M', 'L'];
const YES_NO = ['no', 'yes'];

function paired(lists: CategoryLists, infos: readonly string[], declared?: readonly number[]) {
  return Object.fromEntries(pairCategories(lists, infos.map(featureInfo), declared));
}

describe("LightGBM's lists of categories", () => {
  it('are paired where only one feature fits', () => {
    assert.deepEqual(paired([CITIES], ['[18:79]', '-1:0:1:2'], [1]), { 1: CITIES });
    assert.deepEqual(paired([CITIES, SIZES], ['0:2:1', '[0.5:2]', '[0:2]'], [0]), { 0: CITIES, 2: SIZES });
    assert.deepEqual(paired([CITIES], ['0:1:2:3', 'none'], [0]), { 1: CITIES });
  });

  it('are paired with the categorical features where no mistake could be taken for a category', () => {
    assert.deepEqual(paired([CITIES], ['0:1:2', '[0:1]'], [0]), { 0: CITIES });
    assert.deepEqual(paired([CITIES, SIZES], ['0:1', '[0:1]', 'none'], [0, 2]), { 0: CITIES, 2: SIZES });
  });

  it('stay codes where another pairing fits, and a text or number could be of either', () => {
    assert.deepEqual(paired([YES_NO, YES_NO], ['0:1', '0:1', '[0:1]'], [0, 1]), {});
    assert.deepEqual(paired([[10, 20]], ['0:1', '[0:1]'], [0]), {});
    assert.deepEqual(paired([SIZES], ['[0:2]', '[0:1]'], []), {});
    assert.deepEqual(paired([CITIES, SIZES], ['0:1', '[0:1]', '[0:2]'], [0]), {});
  });

  it('stay codes where they fit nowhere', () => {
    assert.deepEqual(paired([CITIES], ['[18:79]', '0:1:2:3'], [1]), {});
    assert.deepEqual(paired([CITIES, SIZES], ['0:1:2'], [0]), {});
    assert.equal(categoryLists([['a', 'a']]), undefined);
    assert.equal(categoryLists([[2 ** 60]]), undefined);
    assert.equal(categoryLists(null), undefined);
  });

  it('are never paired with another column than their own', () => {
    const word = fc.constantFrom('yes', 'no', 'Oslo', 'Rome', 'Bern');
    const column = fc.record({
      list: fc.uniqueArray(word, { minLength: 1, maxLength: 4 }),
      form: fc.constantFrom('categorical', 'ordered', 'unused', 'numbers', 'whole'),
    });
    const columns = fc.array(column, { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(columns, (all) => {
        const infos = all.map(({ list, form }): FeatureInfo => {
          const codes = list.map((_, code) => code);
          if (form === 'unused') return { kind: 'unused' };
          if (form === 'ordered' || form === 'numbers') return { kind: 'numbers', least: 0, most: list.length - 1 };
          return { kind: 'codes', codes };
        });
        // Numbers may be whole and look like codes; a whole number may be a categorical feature.
        const isList = ({ form }: { form: string }): boolean => form !== 'numbers' && form !== 'whole';
        const lists = all.filter(isList).map(({ list }) => list);
        const declared = [...all.keys()].filter((i) => ['categorical', 'whole'].includes(all[i]!.form));
        const found = pairCategories(lists, infos, declared);
        const areApart = new Set(lists.flat()).size === lists.flat().length;
        for (const [feature, list] of found)
          if (!areApart) assert.ok(isList(all[feature]!) && list === all[feature]!.list);
      }),
    );
  });
});
