/** The names and categories of a model of trees: of its file, and as its owner declares them. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { describe, it, type TestContext } from 'node:test';
import type { ModelParameters, Session } from '../../../src/backends/backend.ts';
import type { Columns } from '../../../src/core/columns/columns.ts';
import { openTrees, stump, xgboostModel } from '../../support/tree-models.ts';

/** The categories of a feature as XGBoost saves them: bytes are signed. */
interface Encoded {
  readonly offsets?: readonly number[];
  readonly type?: number;
  readonly values: readonly number[];
}

const NONE: Encoded = { offsets: [], values: [] };

function texts(words: readonly string[], lengthOf = (word: string) => Buffer.byteLength(word)): Encoded {
  const offsets = [0];
  for (const word of words) offsets.push(offsets.at(-1)! + lengthOf(word));
  return { offsets, values: [...Int8Array.from(Buffer.from(words.join('')))].slice(0, offsets.at(-1)) };
}

function model(enc: readonly Encoded[] | undefined, types: readonly string[] = ['float', 'c']): object {
  const { learner, version } = xgboostModel({
    trees: [stump(0, 1, 0, 1)],
    featureNames: ['age', 'city'],
    booster: (trees) => ({ name: 'gbtree', model: { ...trees, ...(enc && { cats: { enc } }) } }),
  });
  return { learner: { ...learner, feature_types: types }, version };
}

async function columnsOf(t: TestContext, content: object, parameters: ModelParameters = new Map()): Promise<Columns> {
  const session: Session = await openTrees(t, 'model.json', content, { parameters });
  return session.signatures.get('serving_default')!.inputs.get('features')!.columns!;
}

const declaring = (categories: unknown): ModelParameters => new Map([['categories', JSON.stringify(categories)]]);

describe('the columns of trees', () => {
  it('have the categories that XGBoost saves, of texts and of whole numbers', async (t) => {
    const cities = await columnsOf(t, model([NONE, texts(['Oslo', 'Rome'])]));
    assert.deepEqual(cities.list, [{ name: 'age' }, { name: 'city', categories: ['Oslo', 'Rome'] }]);
    assert.equal(cities.unknownCategory, 'error');
    const numbers = await columnsOf(t, model([NONE, { type: 15, values: [10, 20] }]));
    assert.deepEqual(numbers.list[1]!.categories, [10, 20]);
  });

  it('have codes alone where XGBoost is older, or cuts texts that are not ASCII', async (t) => {
    const older = await columnsOf(t, model(undefined));
    assert.match(older.list[1]!.whyCodes!, /saves them since 3\.1.*; send its codes, or declare them by the parameter/);
    const cut = model([NONE, texts(['København', 'x'], (word) => word.length)]);
    const { list } = await columnsOf(t, cut);
    assert.equal(list[1]!.categories, undefined);
    assert.match(list[1]!.whyCodes!, /not ASCII/);
    const declared = await columnsOf(t, cut, declaring({ city: ['København', 'x'] }));
    assert.deepEqual(declared.list[1]!.categories, ['København', 'x']);
  });

  it('refuse a file whose categories cannot be right', async (t) => {
    for (const enc of [
      { offsets: [0, 9], values: [1] },
      { offsets: [2, 1], values: [1, 2] },
    ]) {
      await assert.rejects(columnsOf(t, model([NONE, enc])), /offset from \d to \d in \d bytes/);
    }
  });

  it('take what the owner declares, unless the file contradicts it', async (t) => {
    const declared = await columnsOf(t, model(undefined), declaring({ city: ['Oslo', 'Rome'] }));
    assert.deepEqual(declared.list[1]!.categories, ['Oslo', 'Rome']);
    const known = model([NONE, texts(['Oslo', 'Rome'])]);
    for (const [content, parameters, text] of [
      [known, declaring({ city: ['Rome', 'Oslo'] }), /"city" that do not fit what the file tells/],
      [known, declaring({ age: ['young', 'old'] }), /"age" that do not fit/],
      [known, declaring({ town: ['Oslo'] }), /names "town", which is no feature; the file has "age", "city"/],
      [known, declaring({ city: ['Oslo', 'Oslo'] }), /no list of different texts/],
      [known, declaring(['Oslo']), /write a JSON object/],
      [known, new Map([['categories', 'Oslo, Rome']]), /write a JSON object/],
      [known, new Map([['unknown_category', 'first']]), /unknown_category is "first"; use error or missing/],
    ] as const) {
      await assert.rejects(columnsOf(t, content, parameters), text);
    }
    const missing = await columnsOf(t, known, new Map([['unknown_category', 'missing']]));
    assert.equal(missing.unknownCategory, 'missing');
  });

  it('are none where the file has no names, or one twice', async (t) => {
    const nameless = await openTrees(t, 'model.json', xgboostModel({ trees: [stump(0, 1, 0, 1)] }));
    const twice = await openTrees(
      t,
      'model.json',
      xgboostModel({ trees: [stump(0, 1, 0, 1)], featureNames: ['a', 'a'] }),
    );
    for (const { signatures } of [nameless, twice]) {
      const input = signatures.get('serving_default')!.inputs.get('features')!;
      assert.deepEqual([input.columns, input.takesMissing], [undefined, true]);
    }
  });
});
