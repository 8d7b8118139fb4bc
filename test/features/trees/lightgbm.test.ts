import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { ServingError } from '../../../src/core/errors.ts';
import {
  type LightgbmModel,
  type LightgbmTree,
  lightgbmStump,
  lightgbmText,
  numbersFor,
  openTrees,
  predict,
} from '../../support/tree-models.ts';

const FILE = 'model.txt';
const NONE = 0;
const ZERO = 4;
const NAN = 8;
const DEFAULT_LEFT = 2;
const { NaN: missing } = Number;

async function predicted(
  t: TestContext,
  model: LightgbmModel,
  rows: readonly (readonly number[])[],
): Promise<number[]> {
  return numbersFor(await openTrees(t, FILE, lightgbmText(model)), rows);
}

async function assertRefused(t: TestContext, content: object | string, text: RegExp, file = FILE): Promise<void> {
  await assert.rejects(openTrees(t, file, content), (error: ServingError) => {
    assert.equal(error.kind, 'load_failed', String(error.stack));
    assert.match(error.message, /model\.(txt|json)": /);
    assert.match(error.message, text);
    return true;
  });
}

describe('a split of LightGBM', () => {
  it('takes the thresholds that C writes for infinity', async (t) => {
    const rows = [[1e308], [Number.POSITIVE_INFINITY], [Number.NEGATIVE_INFINITY]];
    for (const [threshold, wanted] of [
      ['inf', [1, 1, 1]],
      ['-inf', [2, 2, 1]],
      ['Infinity', [1, 1, 1]],
    ] as const) {
      assert.deepEqual(await predicted(t, { trees: [lightgbmStump(0, threshold, 1, 2)], features: 1 }, rows), wanted);
    }
    await assert.rejects(
      predicted(t, { trees: [lightgbmStump(0, 'nan', 1, 2)] }, rows),
      /threshold has "nan", which is no/,
    );
  });

  it('sends what is not above the threshold left, in float64', async (t) => {
    const threshold = 0.1 + Number.EPSILON;
    const trees = [lightgbmStump(1, threshold, -1, 1)];
    assert.deepEqual(
      await predicted(t, { trees }, [
        [9, 0.1],
        [9, threshold],
        [9, 0.1 + 2 * Number.EPSILON],
      ]),
      [-1, -1, 1],
    );
  });

  it('takes for missing what its decision_type says, and sends it to the default child', async (t) => {
    const rows = [
      [missing, 0],
      [0, 0],
      [1e-36, 0],
      [-1e-36, 0],
      [1e-30, 0],
      [5, 0],
    ];
    const split = async (type: number, threshold: number): Promise<number[]> =>
      predicted(t, { trees: [lightgbmStump(0, threshold, 1, 2, type)] }, rows);
    assert.deepEqual(await split(NONE, 1), [1, 1, 1, 1, 1, 2], 'NaN is 0');
    assert.deepEqual(await split(NONE | DEFAULT_LEFT, -1), [2, 2, 2, 2, 2, 2], 'NaN is 0, and 0 is no missing value');
    assert.deepEqual(await split(ZERO | DEFAULT_LEFT, -1), [1, 1, 1, 1, 2, 2], 'NaN is 0, and so missing');
    assert.deepEqual(await split(ZERO, 1), [2, 2, 2, 2, 1, 2]);
    assert.deepEqual(await split(NAN | DEFAULT_LEFT, -1), [1, 2, 2, 2, 2, 2]);
    assert.deepEqual(await split(NAN, 1), [2, 1, 1, 1, 1, 2]);
  });

  it('on categories sends those of its set left, and all others right', async (t) => {
    // {0, 3} and {33}
    const tree: LightgbmTree = {
      num_leaves: 3,
      num_cat: 2,
      split_feature: '0 1',
      threshold: '0 1',
      decision_type: '1 1',
      left_child: '-1 -2',
      right_child: '1 -3',
      leaf_value: '1 2 3',
      cat_boundaries: '0 1 3',
      cat_threshold: '9 0 2',
    };
    const first = [0, 3, 3.7, -0.5, 1, 32, 64, -1, 2 ** 31, 1e300, missing].map((value) => [value, 0]);
    assert.deepEqual(await predicted(t, { trees: [tree] }, first), [1, 1, 1, 1, 3, 3, 3, 3, 3, 3, 3]);
    const second = [33, 1, 65, 97, missing].map((value) => [1, value]);
    assert.deepEqual(await predicted(t, { trees: [tree] }, second), [2, 3, 3, 3, 3]);
  });
});

describe('the sum of LightGBM’s trees', () => {
  it('is in float64', async (t) => {
    const trees = [1, 0.1, 0.2].map((value) => ({ num_leaves: 1, leaf_value: value }));
    const session = await openTrees(t, FILE, lightgbmText({ trees }));
    const answer = await predict(session, [[0, 0]]);
    assert.deepEqual([answer.dtype, answer.shape], ['float64', [1]]);
    assert.deepEqual(await numbersFor(session, [[0, 0]]), [1 + 0.1 + 0.2]);
  });

  it('of a random forest is divided by the iterations before the objective', async (t) => {
    const trees = [1, 2, 6].map((value) => ({ num_leaves: 1, leaf_value: value }));
    assert.deepEqual(await predicted(t, { trees, isAverage: true }, [[0, 0]]), [3]);
    const [risk] = await predicted(t, { trees, isAverage: true, objective: 'binary sigmoid:1' }, [[0, 0]]);
    assert.equal(risk, 1 / (1 + Math.exp(-3)));
  });
});

describe('the objective of LightGBM', () => {
  const trees = [lightgbmStump(0, 0, -1.5, 0.5)];
  const rows = [
    [-1, 0],
    [1, 0],
  ];
  const sums = [-1.5, 0.5];

  it('turns the sum into a prediction', async (t) => {
    const cases: Readonly<Record<string, (sum: number) => number>> = {
      '': (sum) => sum,
      custom: (sum) => sum,
      regression: (sum) => sum,
      'regression sqrt': (sum) => Math.sign(sum) * sum * sum,
      'quantile alpha:0.9': (sum) => sum,
      huber: (sum) => sum,
      lambdarank: (sum) => sum,
      poisson: Math.exp,
      'tweedie tweedie_variance_power:1.5': Math.exp,
      gamma: Math.exp,
      'binary sigmoid:1': (sum) => 1 / (1 + Math.exp(-sum)),
      'binary sigmoid:0.5': (sum) => 1 / (1 + Math.exp(-0.5 * sum)),
      cross_entropy: (sum) => 1 / (1 + Math.exp(-sum)),
      cross_entropy_lambda: (sum) => Math.log1p(Math.exp(sum)),
    };
    for (const [objective, of] of Object.entries(cases)) {
      assert.deepEqual(await predicted(t, { trees, objective }, rows), sums.map(of), objective);
    }
  });

  it('gives a number for each class', async (t) => {
    const leaves = [0.1, 2, -1].map((value) => ({ num_leaves: 1, leaf_value: value }));
    const open = (objective: string) =>
      openTrees(t, FILE, lightgbmText({ trees: leaves, objective, treesPerIteration: 3 }));
    const softmax = await open('multiclass num_class:3');
    assert.deepEqual((await predict(softmax, rows)).shape, [2, 3]);
    const parts = [0.1, 2, -1].map((value) => Math.exp(value - 2));
    const total = parts.reduce((a, b) => a + b);
    assert.deepEqual(
      await numbersFor(softmax, [[0, 0]]),
      parts.map((part) => part / total),
    );
    const apart = await open('multiclassova num_class:3 sigmoid:2');
    assert.deepEqual(
      await numbersFor(apart, [[0, 0]]),
      [0.1, 2, -1].map((value) => 1 / (1 + Math.exp(-2 * value))),
    );
  });
});

describe('LightGBM’s model as JSON', () => {
  const node = (changes: object = {}): object => ({
    split_index: 0,
    split_feature: 1,
    threshold: 0.5,
    decision_type: '<=',
    default_left: true,
    missing_type: 'NaN',
    left_child: { leaf_index: 0, leaf_value: -1 },
    right_child: { leaf_index: 1, leaf_value: 1 },
    ...changes,
  });
  const model = (...roots: object[]): object => ({
    name: 'tree',
    version: 'v4',
    num_class: 1,
    num_tree_per_iteration: 1,
    max_feature_idx: 1,
    objective: 'regression',
    average_output: false,
    feature_names: ['a', 'b'],
    tree_info: roots.map((root, i) => ({ tree_index: i, num_leaves: 2, num_cat: 0, tree_structure: root })),
  });

  it('predicts as the same trees in the text format', async (t) => {
    const roots = [node(), node({ threshold: '0||2||5', decision_type: '==' }), { leaf_value: 100 }];
    const session = await openTrees(t, 'model.json', model(...roots));
    const values = [0, 0.5, 0.6, 2, 3, missing];
    assert.deepEqual(
      await numbersFor(
        session,
        values.map((value) => [9, value]),
      ),
      values.map(
        (value) => 100 + (value <= 0.5 || Number.isNaN(value) ? -1 : 1) + ([0, 2].includes(Math.trunc(value)) ? -1 : 1),
      ),
    );
  });

  it('is refused for what it lacks, or what is not known', async (t) => {
    const refused = (content: object, text: RegExp): Promise<void> => assertRefused(t, content, text, 'model.json');
    await refused({ name: 'tree' }, /max_feature_idx is missing/);
    await refused(model(node({ left_child: 7 })), /tree 0: it is 7, not an object/);
    await refused(model(node({ decision_type: '<' })), /decision_type "<"; known are/);
    await refused(model(node({ missing_type: 'Some' })), /missing_type "Some"/);
    await refused(model(node({ left_child: { leaf_value: null } })), /leaf_value is null, not a number/);
    await refused(model(node({ decision_type: '==', threshold: '1||x' })), /has the category NaN/);
    await refused(model(node({ left_child: { leaf_value: 1, leaf_const: 1 } })), /linear_tree=false/);
    const [before, after] = JSON.stringify(node({ left_child: 0 })).split('"left_child":0') as [string, string];
    const deep = `${before}"left_child":`.repeat(5000) + JSON.stringify({ leaf_value: 1 }) + after.repeat(5000);
    const text = JSON.stringify(model({ HERE: 0 })).replace('{"HERE":0}', deep);
    await assertRefused(t, text, /deeper than 4096 levels/, 'model.json');
  });
});

describe('a model.txt that is not served', () => {
  const text = lightgbmText({ trees: [lightgbmStump(0, 0, 1, 2), lightgbmStump(1, 0, 3, 4)] });

  it('is refused with the line at fault', async (t) => {
    const replaced = (what: string | RegExp, by: string): string => text.replace(what, by);
    await assertRefused(t, replaced('max_feature_idx=1\n', ''), /max_feature_idx is missing/);
    await assertRefused(t, replaced('max_feature_idx=1', 'max_feature_idx=1e9'), /max_feature_idx is 1000000000/);
    await assertRefused(
      t,
      replaced('num_tree_per_iteration=1', 'num_tree_per_iteration=3'),
      /2 trees, which is no multiple of 3/,
    );
    await assertRefused(
      t,
      replaced('num_tree_per_iteration=1', 'num_tree_per_iteration=0'),
      /num_tree_per_iteration is 0/,
    );
    await assertRefused(
      t,
      replaced('objective=regression', 'objective=wizardry'),
      /"wizardry" is not served; use .*poisson/,
    );
    await assertRefused(t, replaced('objective=regression', 'objective=binary sigmoid:-1'), /sigmoid is -1/);
    await assertRefused(t, replaced('leaf_value=1 2', 'leaf_value=1 2 3'), /tree 0: leaf_value has 3 numbers, not 2/);
    await assertRefused(
      t,
      replaced('leaf_value=3 4', 'leaf_value=3 x'),
      /tree 1: leaf_value has "x", which is no number/,
    );
    await assertRefused(t, replaced('leaf_value=3 4', 'leaf_value=3 nan'), /"nan"/);
    await assertRefused(t, replaced('leaf_value=3 4', 'leaf_value=3 Infinity'), /leaf's value is Infinity/);
    await assertRefused(
      t,
      replaced('num_leaves=2', 'num_leaves=1e9'),
      /num_leaves|leaf_value has 2 numbers, not 1000000000/,
    );
    await assertRefused(t, replaced('num_leaves=2', 'num_leaves=0'), /num_leaves is 0/);
    await assertRefused(t, replaced('split_feature=0', 'split_feature=2'), /asks feature 2/);
    await assertRefused(t, replaced('decision_type=2', 'decision_type=12'), /decision_type 12; known are 0 to 11/);
    await assertRefused(t, replaced('num_cat=0', 'num_cat=0\nis_linear=1'), /linear_tree=false/);
  });

  it('is refused when it is cut off', async (t) => {
    await assertRefused(t, text.slice(0, text.indexOf('end of trees')), /ends after 2 trees, without "end of trees"/);
    await assertRefused(t, text.slice(0, text.indexOf('leaf_value=3')), /tree 1: leaf_value is missing/);
    await assertRefused(t, 'tree\nversion=v4\n', /missing/);
  });

  it('is refused for children that form no tree', async (t) => {
    await assertRefused(t, text.replace('left_child=-1', 'left_child=0'), /form no tree: more than its 3 nodes/);
    await assertRefused(t, text.replace('left_child=-1', 'left_child=1'), /leads to node 1/);
    await assertRefused(t, text.replace('left_child=-1', 'left_child=-3'), /leads to node -3/);
  });

  it('is refused for sets of categories that are not there, or that splits share', async (t) => {
    const tree = {
      num_leaves: 3,
      num_cat: 1,
      split_feature: '0 0',
      threshold: '0 0',
      decision_type: '1 2',
      left_child: '-1 -2',
      right_child: '1 -3',
      leaf_value: '1 2 3',
      cat_boundaries: '0 1',
      cat_threshold: '5',
    };
    const of = (changes: object): string => lightgbmText({ trees: [{ ...tree, ...changes }] });
    assert.deepEqual(
      await numbersFor(await openTrees(t, FILE, of({})), [
        [2, 0],
        [1, 0],
      ]),
      [1, 3],
    );
    await assertRefused(t, of({ threshold: '1 0' }), /the set 1 of categories/);
    await assertRefused(t, of({ decision_type: '1 1' }), /the set 0 of categories, which is another split's/);
    await assertRefused(t, of({ cat_boundaries: '0 2' }), /cat_threshold has 1 numbers, not 2/);
    await assertRefused(t, of({ num_cat: 2, cat_boundaries: '0 5 1' }), /must be whole numbers that do not descend/);
  });
});
