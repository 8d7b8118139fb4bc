import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import type { SignatureDetail, TensorDetail } from '../../../../src/admin/model-detail.ts';
import { callUrl, sample } from '../../../../src/admin/ui/code-samples.ts';
import { blank, imagePlan, kindsOf, parseNumbers, requestBody } from '../../../../src/admin/ui/input-kinds.ts';
import { namedOutputs, pictureOf, topBars } from '../../../../src/admin/ui/result-shapes.ts';

const tensor = (shape: readonly number[] | undefined, dtype = 'float32', name = 'x'): TensorDetail => ({
  name,
  dtype,
  ...(shape !== undefined && { shape }),
});

function signature(batch: SignatureDetail['batch'], inputs: TensorDetail[], name = 'serving_default'): SignatureDetail {
  return { name, method: 'tensorflow/serving/predict', batch, inputs, outputs: [] };
}

describe('the form of an input', () => {
  it('is a picture where the shape is one’s, whichever way round', () => {
    const plan = (shape: readonly number[]) => imagePlan(tensor(shape), 'dynamic');
    assert.deepEqual(plan([-1, 224, 192, 3]), { layout: 'hwc', height: 224, width: 192, channels: 3 });
    assert.deepEqual(plan([-1, 3, 224, 192]), { layout: 'chw', height: 224, width: 192, channels: 3 });
    assert.deepEqual(plan([-1, -1, -1, 3]), { layout: 'hwc', height: 224, width: 224, channels: 3 });
    assert.deepEqual(plan([-1, 28, 28]), { layout: 'hw', height: 28, width: 28, channels: 1 });
    assert.deepEqual(plan([-1, 64]), { layout: 'flat', height: 8, width: 8, channels: 1 });
    assert.deepEqual(imagePlan(tensor([1, 3, 32, 32]), 'none'), { layout: 'chw', height: 32, width: 32, channels: 3 });
    for (const shape of [[-1, 100], [-1, 10], [-1], [-1, 2, 2, 3], [-1, 128, 512, 7]]) {
      assert.equal(plan(shape), undefined, String(shape));
    }
  });

  it('is text for one string, numbers for a row of them, and always JSON', () => {
    assert.deepEqual(kindsOf(tensor([-1], 'string'), 'dynamic'), ['text', 'json']);
    assert.deepEqual(kindsOf(tensor([-1, 4], 'string'), 'dynamic'), ['json']);
    assert.deepEqual(kindsOf(tensor([-1, 10]), 'dynamic'), ['numbers', 'json']);
    assert.deepEqual(kindsOf(tensor([-1, 64]), 'dynamic'), ['image', 'numbers', 'json']);
    assert.deepEqual(kindsOf(tensor(undefined), 'dynamic'), ['json']);
    assert.deepEqual(blank(tensor([-1, 2, 3], 'int64'), 'dynamic'), [
      [0, 0, 0],
      [0, 0, 0],
    ]);
  });

  it('reads numbers, and says what is wrong with them', () => {
    assert.deepEqual(parseNumbers(' 1, 2.5\n-3e2 ', [3]), [1, 2.5, -300]);
    assert.equal(parseNumbers('7', []), 7);
    assert.throws(() => parseNumbers('1, x', [2]), /"x" is no number/);
    assert.throws(() => parseNumbers('1, 2', [3]), /2 numbers are here, 3 are wanted/);
  });

  it('makes the REST API’s body: row format, columns where rows share no batch', () => {
    const values = new Map<string, unknown>([['x', [1, 2]]]);
    const both = new Map<string, unknown>([...values, ['y', 'a']]);
    const two = [tensor([-1, 2]), tensor([-1], 'string', 'y')];
    assert.deepEqual(requestBody(signature('dynamic', [tensor([-1, 2])]), values), { instances: [[1, 2]] });
    assert.deepEqual(requestBody(signature('dynamic', two, 'other'), both), {
      signature_name: 'other',
      instances: [{ x: [1, 2], y: 'a' }],
    });
    assert.deepEqual(requestBody(signature('none', two), both), { inputs: { x: [1, 2], y: 'a' } });
  });
});

describe('the call as code', () => {
  const target = { rest: ['unix:/run/p.sock', '[::]:8501'], isTls: false, model: 'a b', version: '3' };
  const body = `{"instances":["it's"]}`;

  it('names an address that can be reached', () => {
    assert.equal(callUrl(target), 'http://localhost:8501/v1/models/a%20b/versions/3:predict');
    assert.equal(
      callUrl({ ...target, version: undefined, isTls: true }),
      'https://localhost:8501/v1/models/a%20b:predict',
    );
  });

  it('quotes the body for each language', () => {
    const shell = sample('curl', target, body).replace(/^curl /, "printf '%s|' ");
    const { stdout } = spawnSync('sh', ['-c', shell], { encoding: 'utf8' });
    assert.ok(stdout.endsWith(`|-d|${body}|`), stdout);
    const python = /json\.loads\((.*)\)/.exec(sample('Python', target, body))![1]!;
    assert.equal(JSON.parse(python), body);
    assert.ok(sample('TypeScript', target, body).includes(`JSON.stringify(${body})`));
    for (const language of ['curl', 'Python', 'TypeScript'] as const) {
      assert.match(sample(language, target, `[${'1,'.repeat(1000)}1]`), /body\.json/);
    }
  });
});

describe('the view of an answer', () => {
  it('tells outputs apart', () => {
    assert.deepEqual(namedOutputs({ predictions: [{ p: [1], q: 2 }] }), [
      ['p', [1]],
      ['q', 2],
    ]);
    assert.deepEqual(namedOutputs({ predictions: [[0.1, 0.9]] }), [['', [0.1, 0.9]]]);
    assert.deepEqual(namedOutputs({ outputs: { y: [1] } }), [['y', [1]]]);
  });

  it('shows a row of numbers as bars, the largest of many', () => {
    assert.deepEqual(topBars([3, 1])!.bars, [
      { index: 0, value: 3 },
      { index: 1, value: 1 },
    ]);
    const many = topBars(Array.from({ length: 1000 }, (_, i) => i))!;
    assert.deepEqual(
      [many.bars.length, many.bars[0], many.note],
      [10, { index: 999, value: 999 }, 'The 10 largest of 1000.'],
    );
    assert.deepEqual([topBars('x'), topBars([]), topBars([['a']])], [undefined, undefined, undefined]);
  });

  it('shows a grid of numbers as a picture, from its least to its most', () => {
    const grid = Array.from({ length: 8 }, (_, y) => Array.from({ length: 9 }, (_, x) => x + y));
    const { width, height, pixels, least, most } = pictureOf(grid)!;
    assert.deepEqual([width, height, least, most], [9, 8, 0, 15]);
    assert.deepEqual([...pixels.slice(0, 4), ...pixels.slice(-4)], [0, 0, 0, 255, 255, 255, 255, 255]);
    const rgb = [grid, grid, grid];
    assert.deepEqual([pictureOf(rgb)!.width, pictureOf(rgb)!.height], [9, 8]);
    assert.equal(pictureOf([[1, 2], [3]]), undefined);
    assert.equal(pictureOf([1, 2, 3]), undefined);
  });
});
