import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { ServingError } from '../../../src/core/errors.ts';
import {
  leaf,
  numbersFor,
  openTrees,
  predict,
  stump,
  type XgboostModel,
  type XgboostTree,
  xgboostModel,
} from '../../support/tree-models.ts';

const FILE = 'model.json';
const f = Math.fround;

/** The predictions of the model for the rows. */
async function predicted(t: TestContext, model: XgboostModel, rows: readonly (readonly number[])[]): Promise<number[]> {
  return numbersFor(await openTrees(t, FILE, xgboostModel(model)), rows);
}

async function assertRefused(t: TestContext, content: object | string, text: RegExp): Promise<void> {
  await assert.rejects(openTrees(t, FILE, content), (error: ServingError) => {
    assert.equal(error.kind, 'load_failed', String(error.stack));
    assert.match(error.message, /model\.json": /);
    assert.match(error.message, text);
    return true;
  });
}

describe('a split of XGBoost', () => {
  it('sends what is below the threshold left, in float32', async (t) => {
    const model = { trees: [stump(1, 0.1, -1, 1)] };
    // 0.1 as float64 is below float32's 0.1; as the float32 that XGBoost compares it is equal.
    assert.deepEqual(
      await predicted(t, model, [
        [9, 0.0999],
        [9, 0.1],
        [9, 0.1001],
      ]),
      [-1, 1, 1],
    );
  });

  it('sends a missing value to the default child', async (t) => {
    const trees = [stump(0, 0, 1, 2, true), stump(0, 0, 10, 20, false)];
    assert.deepEqual(
      await predicted(t, { trees }, [
        [Number.NaN, 0],
        [-1, 0],
        [1, 0],
      ]),
      [21, 11, 22],
    );
  });

  it('may have an infinite threshold, and infinite values', async (t) => {
    const text = JSON.stringify(
      xgboostModel({ trees: [stump(0, 'HERE', 1, 2)], featureNames: ['a NaN, or "Infinity"', 'b'] }),
    );
    const rows = [
      [1e30, 0],
      [Infinity, 0],
      [-Infinity, 0],
    ];
    const above = await openTrees(t, FILE, text.replace('"HERE"', 'Infinity'));
    assert.deepEqual(await numbersFor(above, rows), [1, 2, 1]);
    const below = await openTrees(t, FILE, text.replace('"HERE"', '-Infinity'));
    assert.deepEqual(await numbersFor(below, rows), [2, 2, 2]);
  });

  it('on categories sends those of its set right, and all others left', async (t) => {
    const categorical: XgboostTree = {
      ...stump(0, 0, 1, 2),
      split_type: [1, 0, 0],
      categories: [0, 3, 40],
      categories_nodes: [0],
      categories_segments: [0],
      categories_sizes: [3],
    };
    const values = [0, 1, 3, 3.9, 40, 41, 64, 1e6, 2 ** 24, 1e30, -1, -0.5, Number.NaN];
    const rows = values.map((value) => [value, 0]);
    assert.deepEqual(await predicted(t, { trees: [categorical] }, rows), [2, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 2]);
    const text = JSON.stringify(xgboostModel({ trees: [{ ...categorical, split_conditions: ['HERE', 1, 2] }] }));
    // As XGBoost 2 writes it.
    assert.deepEqual(await numbersFor(await openTrees(t, FILE, text.replace('"HERE"', 'NaN')), [[3, 0]]), [2]);
    const isDefaultLeft = { ...categorical, default_left: [true, false, false] };
    assert.deepEqual(await predicted(t, { trees: [isDefaultLeft] }, [[Number.NaN, 0]]), [1]);
  });

  it('leads to children anywhere in the lists', async (t) => {
    const tree: XgboostTree = {
      left_children: [3, -1, -1, 4, -1],
      right_children: [1, -1, -1, 2, -1],
      split_indices: [0, 0, 0, 1, 0],
      split_conditions: [5, 30, 20, 5, 10],
      default_left: [0, 0, 0, 0, 0],
    };
    assert.deepEqual(
      await predicted(t, { trees: [tree] }, [
        [1, 1],
        [1, 9],
        [9, 1],
      ]),
      [10, 20, 30],
    );
  });
});

describe('the sum of XGBoost’s trees', () => {
  it('is in float32, in the order of the trees, from base_score', async (t) => {
    const values = [1e8, 3, 3, -1e8, 0.1, 0.2];
    const trees = values.map((value) => leaf(value));
    const expected = values.reduce((sum, value) => f(sum + f(value)), f(0.3));
    assert.notEqual(expected, f(0.3 + 3 + 3 + 0.1 + 0.2));
    assert.deepEqual(await predicted(t, { trees, baseScore: '3E-1' }, [[0, 0]]), [expected]);
  });

  it('has the factors of DART', async (t) => {
    const booster = (model: object) => ({ name: 'dart', gbtree: { name: 'gbtree', model }, weight_drop: [0.1, 1] });
    const [sum] = await predicted(t, { trees: [leaf(3), leaf(1)], booster }, [[0, 0]]);
    assert.equal(sum, f(f(f(3) * f(0.1)) + 1));
  });

  it('is base_score without trees, and nothing without rows', async (t) => {
    const session = await openTrees(t, FILE, xgboostModel({ trees: [], baseScore: '5E-1' }));
    assert.deepEqual(await numbersFor(session, [[1, 2]]), [0.5]);
    assert.deepEqual((await predict(session, [])).shape, [0]);
    await assert.rejects(predict(session, [[1, 2, 3]]), /has shape \[1,3\]; the model wants \[\?,2\]/);
  });

  it('is right for more rows than a block has', async (t) => {
    const trees = Array.from({ length: 7 }, (_, i) => stump(0, 40 * i, 0, 1));
    const rows = Array.from({ length: 301 }, (_, i) => [i, 0]);
    const expected = rows.map(([x]) => Math.min(7, Math.floor(x! / 40) + 1));
    assert.deepEqual(await predicted(t, { trees }, rows), expected);
  });
});

describe('the objective of XGBoost', () => {
  const LEAF = 0.7;
  const one = async (t: TestContext, objective: string, baseScore: string): Promise<number> =>
    (await predicted(t, { trees: [leaf(LEAF)], objective, baseScore }, [[0, 0]]))[0]!;
  const assertClose = (actual: number, expected: number): void =>
    assert.ok(Math.abs(actual - expected) < 1e-6 * Math.abs(expected), `${actual} is not ${expected}`);

  it('turns the sum into a prediction, and base_score into a margin', async (t) => {
    const logistic = 1 / (1 + Math.exp(-(LEAF + Math.log(0.2 / 0.8))));
    for (const name of ['binary:logistic', 'reg:logistic']) assertClose(await one(t, name, '2E-1'), logistic);
    for (const name of ['count:poisson', 'reg:gamma', 'reg:tweedie', 'survival:cox', 'survival:aft']) {
      assertClose(await one(t, name, '[2E-1]'), 0.2 * Math.exp(LEAF));
    }
    for (const name of ['reg:squarederror', 'reg:absoluteerror', 'rank:ndcg', 'reg:quantileerror', 'binary:logitraw']) {
      assertClose(await one(t, name, '2E-1'), LEAF + 0.2);
    }
    assert.equal(await one(t, 'binary:hinge', '2E-1'), 1);
    assert.equal(await one(t, 'binary:hinge', '-2E0'), 0);
  });

  it('takes the base_score of a model that was never trained as XGBoost’s versions do', async (t) => {
    const untrained = async (baseScore: string, boostFromAverage: '0' | '1'): Promise<number> => {
      const model = { trees: [], objective: 'count:poisson', baseScore, boostFromAverage };
      return (await predicted(t, model, [[0, 0]]))[0]!;
    };
    assertClose(await untrained('[5E-1]', '1'), Math.exp(0.5));
    assertClose(await untrained('[5E-1]', '0'), 0.5);
    // Before XGBoost 3.1.
    assertClose(await untrained('5E-1', '1'), 0.5);
  });

  it('gives probabilities of classes, or the class', async (t) => {
    const trees = [leaf(1), leaf(3), leaf(2), leaf(0.5), leaf(0), leaf(0)];
    const session = await openTrees(
      t,
      FILE,
      xgboostModel({ trees, classes: 3, objective: 'multi:softprob', baseScore: '5E-1' }),
    );
    const answer = await predict(session, [
      [0, 0],
      [1, 1],
    ]);
    assert.deepEqual(answer.shape, [2, 3]);
    const parts = [1.5, 3, 2].map(Math.exp);
    const total = parts.reduce((a, b) => a + b);
    const numbers = await numbersFor(session, [[0, 0]]);
    for (const [i, part] of parts.entries()) assertClose(numbers[i]!, part / total);
    const best = await openTrees(t, FILE, xgboostModel({ trees, classes: 3, objective: 'multi:softmax' }));
    assert.deepEqual((await predict(best, [[0, 0]])).shape, [1]);
    assert.deepEqual(await numbersFor(best, [[0, 0]]), [1]);
  });

  it('has a base_score for each class or target since 3.1', async (t) => {
    const model = { trees: [leaf(1), leaf(2)], targets: 2, baseScore: '[1E0,1E1]' };
    assert.deepEqual(await predicted(t, model, [[0, 0]]), [2, 12]);
  });

  it('does not overflow', async (t) => {
    const model = { trees: [leaf(-3e38)], objective: 'binary:logistic', baseScore: '5E-1' };
    const [small] = await predicted(t, model, [[0, 0]]);
    assert.ok(small! >= 0 && small! < 1e-37);
    const classes = { trees: [leaf(3e38), leaf(-3e38)], classes: 2, objective: 'multi:softprob' };
    assert.deepEqual(await predicted(t, classes, [[0, 0]]), [1, 0]);
  });
});

describe('a model.json that is not served', () => {
  const good = xgboostModel({ trees: [stump(0, 0, 1, 2)] });
  const withTree = (changes: object): object => xgboostModel({ trees: [{ ...stump(0, 0, 1, 2), ...changes }] });

  it('is refused with the field at fault', async (t) => {
    const text = JSON.stringify(good);
    await assertRefused(t, text.slice(0, text.length / 2), /JSON/);
    await assertRefused(t, { learner: {} }, /learner\.learner_model_param is missing/);
    await assertRefused(t, { learner: 7 }, /learner is 7, not an object/);
    await assertRefused(
      t,
      text.replace('"reg:squarederror"', '"reg:made_up"'),
      /"reg:made_up" is not served; use .*reg:gamma/,
    );
    await assertRefused(t, text.replace('"num_feature":"2"', '"num_feature":"1e99"'), /num_feature is 1e\+99/);
    await assertRefused(
      t,
      text.replace('"num_feature":"2"', '"num_feature":"two"'),
      /num_feature is "two", not a number/,
    );
    await assertRefused(t, text.replace('"0E0"', '"[1,2,3]"'), /base_score has 3 numbers; the model has 1 outputs/);
    await assertRefused(t, text.replace('"0E0"', '""'), /base_score "" is not in the range/);
    await assertRefused(
      t,
      xgboostModel({ trees: [], objective: 'binary:logistic', baseScore: '2E0' }),
      /not in the range/,
    );
    await assertRefused(
      t,
      xgboostModel({ trees: [leaf(1)], treeInfo: [1] }),
      /tree_info\[0\] is 1, but the model has 1/,
    );
    await assertRefused(t, xgboostModel({ trees: [leaf(1)], treeInfo: [] }), /tree_info has 0 entries, not 1/);
  });

  it('is refused for a booster or leaves of another kind', async (t) => {
    const linear = (): object => ({ name: 'gblinear', model: { weights: [1, 2, 3] } });
    await assertRefused(t, xgboostModel({ trees: [], booster: linear }), /"gblinear" has no trees; train with/);
    await assertRefused(t, withTree({ tree_param: { size_leaf_vector: '3' } }), /one_output_per_tree/);
    const dart = (model: object): object => ({ name: 'dart', gbtree: { name: 'gbtree', model }, weight_drop: [] });
    await assertRefused(t, xgboostModel({ trees: [leaf(1)], booster: dart }), /weight_drop has 0 numbers for 1 trees/);
    await assertRefused(t, xgboostModel({ trees: [], classes: 3, targets: 2 }), /3 classes and 2 targets/);
  });

  it('is refused for lists that do not fit each other', async (t) => {
    await assertRefused(t, withTree({ right_children: [2] }), /tree 0: right_children has 1 entries, not 3/);
    await assertRefused(t, withTree({ split_conditions: [0, 1, 'x'] }), /split_conditions\[2\] is "x", not a number/);
    await assertRefused(t, withTree({ default_left: 7 }), /default_left is 7, not a list/);
    await assertRefused(t, withTree({ split_indices: [2, 0, 0] }), /asks feature 2, but the model has 2 features/);
    await assertRefused(t, withTree({ split_indices: [-1, 0, 0] }), /asks feature -1/);
    await assertRefused(t, withTree({ left_children: [] }), /left_children|right_children has 3 entries, not 0/);
  });

  it('is refused for numbers that are none', async (t) => {
    const text = JSON.stringify(withTree({ split_conditions: [12345, 1, 2] }));
    await assertRefused(t, text.replace('12345', 'NaN'), /split_conditions\[0\] is "NaN", not a number/);
    await assertRefused(t, text.replace('12345,1', '12345,Infinity'), /leaf's value is Infinity/);
    await assertRefused(t, text.replace('12345,1', '12345,1e300'), /leaf's value is Infinity/);
  });

  it('is refused for children that form no tree, soon', async (t) => {
    await assertRefused(t, withTree({ left_children: [0, -1, -1] }), /form no tree: more than its 3 nodes/);
    await assertRefused(t, withTree({ left_children: [2, -1, 0] }), /form no tree/);
    await assertRefused(t, withTree({ left_children: [3, -1, -1] }), /leads to node 3; there are 3 nodes/);
    await assertRefused(t, withTree({ left_children: [-7, -1, -1] }), /leads to node -7/);
    await assertRefused(t, withTree({ left_children: [0.5, -1, -1] }), /leads to node 0\.5/);
  });

  it('is refused for trees of any depth', async (t) => {
    const depth = 5000;
    const nodes = 2 * depth + 1;
    const chain: XgboostTree = {
      left_children: Array.from({ length: nodes }, (_, i) => (i < depth ? i + 1 : -1)),
      right_children: Array.from({ length: nodes }, (_, i) => (i < depth ? depth + 1 + i : -1)),
      split_indices: new Array(nodes).fill(0),
      split_conditions: new Array(nodes).fill(0),
      default_left: new Array(nodes).fill(0),
    };
    await assertRefused(t, xgboostModel({ trees: [chain] }), /deeper than 4096 levels/);
  });

  it('is refused for sets of categories that are not there, or too large', async (t) => {
    const split = { split_type: [1, 0, 0], categories: [1, 2], categories_nodes: [0] };
    const sizes = (start: number, size: number) => ({ categories_segments: [start], categories_sizes: [size] });
    await assertRefused(t, withTree({ ...split, ...sizes(1, 2) }), /node 0 has 2 categories from 1 on; there are 2/);
    await assertRefused(t, withTree({ ...split, ...sizes(-1, 2) }), /from -1 on/);
    await assertRefused(t, withTree({ ...split, ...sizes(0, 2), categories: [1, -2] }), /has the category -2/);
    await assertRefused(
      t,
      withTree({ ...split, ...sizes(0, 2), categories: [1, 1e15] }),
      /take more than 67108864 bytes/,
    );
    await assertRefused(t, withTree({ split_type: [1, 0, 0] }), /node 0 splits on categories, but has none/);
    const shared = { categories_nodes: [0, 1], categories_segments: [0, 0], categories_sizes: [2, 2] };
    await assertRefused(t, withTree({ ...split, ...shared }), /node 1 has 2 categories from 0 on/);
  });
});
