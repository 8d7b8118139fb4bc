import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import type { FeatureDetail } from '../../../src/admin/feature-detail.ts';
import type { SignatureDetail, TensorDetail } from '../../../src/admin/model-detail.ts';
import { type CallTarget, callUrl, sample } from '../../../src/features/console/ui/playground/code-samples.ts';
import {
  blank,
  fitted,
  imagePlan,
  kindsOf,
  parseNumbers,
} from '../../../src/features/console/ui/playground/input-kinds.ts';
import {
  namedOutputs,
  pictureOf,
  tableOf,
  topBars,
} from '../../../src/features/console/ui/playground/result-shapes.ts';
import {
  bodyOf,
  fieldsOf,
  samplesFor,
  verbOf,
  withSample,
} from '../../../src/features/console/ui/playground/signature-form.ts';

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

  it('is a picture of the declared size where the shape leaves it open, or does not tell', () => {
    const plan = (shape: readonly number[], picture: readonly [number, number]) =>
      imagePlan({ ...tensor(shape), picture }, 'dynamic');
    assert.deepEqual(plan([-1, 96], [8, 12]), { layout: 'flat', height: 8, width: 12, channels: 1 });
    assert.deepEqual(plan([-1, -1, -1, 3], [240, 320]), { layout: 'hwc', height: 240, width: 320, channels: 3 });
    assert.deepEqual(plan([-1, -1, -1], [20, 10]), { layout: 'hw', height: 20, width: 10, channels: 1 });
    assert.deepEqual(plan([-1, 64, 32], [1, 1]), { layout: 'hw', height: 64, width: 32, channels: 1 });
  });

  it('begins with the rows of a sample, by the graph’s names', () => {
    const row = [1, 2];
    const sample = { name: 's', inputs: { x: row, n: 7 } };
    const renamed = { ...tensor([-1, 2], 'float32', 'alias'), input: 'x' };
    const of = signature('dynamic', [renamed, tensor([-1], 'int64', 'n'), tensor([-1], 'int64', 'other')]);
    const samples = (fields = withSample(fieldsOf(of), sample)) => fields.map((field) => field.sample);
    assert.deepEqual(samples(), [row, 7, undefined]);
    assert.deepEqual(samples(withSample(fieldsOf(of), undefined)), [undefined, undefined, undefined]);
    assert.deepEqual(samplesFor(of, [sample, { name: 'of another signature', inputs: { z: 1 } }]), [sample]);
    assert.deepEqual(fitted([row], [2]), row);
    assert.deepEqual(fitted(row, [1, 2]), [row]);
    assert.deepEqual(fitted(row, undefined), row);
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
    assert.deepEqual(parseNumbers(' 1, 2.5\n-3e2 ', [3], 'float32'), [1, 2.5, -300]);
    assert.equal(parseNumbers('7', [], 'int64'), 7);
    assert.throws(() => parseNumbers('1, x', [2], 'int64'), /"x" is no number/);
    assert.throws(() => parseNumbers('1, 2', [3], 'int64'), /2 numbers are here, 3 are wanted/);
  });

  it('makes the REST API’s body: row format, columns where rows share no batch', () => {
    const values = new Map<string, unknown>([['x', [1, 2]]]);
    const both = new Map<string, unknown>([...values, ['y', 'a']]);
    const two = [tensor([-1, 2]), tensor([-1], 'string', 'y')];
    assert.deepEqual(bodyOf(signature('dynamic', [tensor([-1, 2])]), values), { instances: [[1, 2]] });
    assert.deepEqual(bodyOf(signature('dynamic', two, 'other'), both), {
      signature_name: 'other',
      instances: [{ x: [1, 2], y: 'a' }],
    });
    assert.deepEqual(bodyOf(signature('none', two), both), { inputs: { x: [1, 2], y: 'a' } });
  });
});

describe('the form of a signature that takes examples', () => {
  const feature = (name: string, changes: Partial<FeatureDetail> = {}): FeatureDetail => {
    return { name, kind: 'float32', shape: [2], is_optional: false, ...changes };
  };
  const regress = (features?: readonly FeatureDetail[], name = 'regress'): SignatureDetail => ({
    ...signature('dynamic', [tensor([-1], 'string', 'inputs')], name),
    method: 'tensorflow/serving/regress',
    ...(features !== undefined && { features }),
  });

  it('has a field for each feature, as its kind and shape allow', () => {
    const grid = feature('grid', { shape: [8, 8] });
    const tags = feature('tags', { kind: 'string', shape: [-1], is_optional: true, default: '?' });
    const weight = feature('weight', { shape: [], is_optional: true, default: 0.5 });
    const [first, second, third] = fieldsOf(regress([grid, tags, weight]));
    assert.deepEqual(kindsOf(first!.tensor, first!.batch), ['image', 'json']);
    assert.deepEqual(kindsOf(second!.tensor, second!.batch), ['json']);
    assert.deepEqual(
      [first, second, third].map((field) => field!.leftOut),
      [undefined, 'no values, padded with "?"', '0.5'],
    );
  });

  it('makes a body of flat lists, without what is left out', () => {
    const values = new Map<string, unknown>([
      [
        'grid',
        [
          [1, 2],
          [3, 4],
        ],
      ],
      ['weight', 0.5],
      ['tags', undefined],
    ]);
    const features = [feature('grid', { shape: [2, 2] }), feature('weight', { shape: [] }), feature('tags')];
    assert.deepEqual(bodyOf(regress(features), values), {
      signature_name: 'regress',
      examples: [{ grid: [1, 2, 3, 4], weight: [0.5] }],
    });
    assert.deepEqual(bodyOf(regress(features, 'serving_default'), new Map()), { examples: [{}] });
  });

  it('is a whole example where the model reads them itself', () => {
    const [field, ...others] = fieldsOf(regress());
    assert.deepEqual([others, kindsOf(field!.tensor, field!.batch), field!.start], [[], ['json'], '{}']);
    const values = new Map<string, unknown>([['example', { x: 1.5, tags: ['a'] }]]);
    assert.deepEqual(bodyOf(regress(), values), {
      signature_name: 'regress',
      examples: [{ x: [1.5], tags: ['a'] }],
    });
  });

  it('lets an input be left out that has a default', () => {
    const inputs = [tensor([-1, 2]), { ...tensor([-1], 'float32', 'y'), has_default: true }];
    assert.deepEqual(
      fieldsOf(signature('dynamic', inputs)).map(({ leftOut }) => leftOut),
      [undefined, 'the model’s default'],
    );
  });

  it('is there for three methods', () => {
    const verbs = ['predict', 'classify', 'regress', 'explain'].map((verb) =>
      verbOf({ ...signature('dynamic', []), method: `tensorflow/serving/${verb}` }),
    );
    assert.deepEqual(verbs, ['predict', 'classify', 'regress', undefined]);
  });
});

describe('the call as code', () => {
  const target: CallTarget = {
    rest: ['unix:/run/p.sock', '[::]:8501'],
    isTls: false,
    grpc: ['unix:/run/g.sock', '0.0.0.0:8500'],
    isGrpcTls: false,
    verb: 'predict',
    model: 'a b',
    version: '3',
    features: [],
  };
  const body = `{"instances":["it's"]}`;

  it('names an address that can be reached', () => {
    assert.equal(callUrl(target), 'http://localhost:8501/v1/models/a%20b/versions/3:predict');
    assert.equal(
      callUrl({ ...target, prefix: '/pillion' }),
      'http://localhost:8501/pillion/v1/models/a%20b/versions/3:predict',
    );
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

describe('a call with examples as code', () => {
  const kinds = { f: 'float32', n: 'int64', s: 'string' } as const;
  const features = Object.entries(kinds).map(([name, kind]) => ({ name, kind, shape: [-1], is_optional: false }));
  const target: CallTarget = {
    ...{ rest: [], isTls: false, grpc: ['unix:/run/g.sock', '0.0.0.0:8500'], isGrpcTls: false },
    ...{ verb: 'classify', model: 'm', version: undefined, features },
  };
  const python = (example: object, changes: Partial<CallTarget> = {}): string =>
    sample('Python', { ...target, ...changes }, JSON.stringify({ signature_name: 's', examples: [example] }));

  it('has the REST path of its method', () => {
    assert.match(sample('curl', target, '{}'), /\/v1\/models\/m:classify /);
    assert.match(sample('TypeScript', { ...target, verb: 'regress' }, '{}'), /m:regress'/);
  });

  it('is TensorFlow Serving’s own client in Python, with the kinds that the model wants', () => {
    const code = python({ f: [1, 2], n: [3], s: ['a'] });
    assert.match(code, /"f": feature_pb2\.Feature\(float_list=feature_pb2\.FloatList\(value=features\["f"\]\)\)/);
    assert.match(code, /"n": .*Int64List\(value=features\["n"\]\)/);
    assert.match(code, /"s": .*BytesList\(value=\[each\.encode\(\) for each in features\["s"\]\]\)/);
    assert.match(code, /insecure_channel\("localhost:8500"\)/);
    assert.match(code, /signature_name = "s"\n/);
    assert.doesNotMatch(code, /version\.value|base64/);
    const secure = python({ f: [1] }, { verb: 'regress', isGrpcTls: true, version: '3' });
    assert.match(secure, /secure_channel\("localhost:8500", grpc\.ssl_channel_credentials\(\)\)/);
    assert.match(secure, /version\.value = 3\n[\s\S]*stub\.Regress\(/);
  });

  it('takes the kind of the values where the model does not tell', () => {
    const code = python({ a: [1, 2], b: [1, 2.5], c: ['x'], d: [{ b64: 'AA==' }] }, { features: [] });
    assert.match(code, /"a": .*Int64List/);
    assert.match(code, /"b": .*FloatList/);
    assert.match(code, /"c": .*each\.encode\(\)/);
    assert.match(code, /^import base64\n[\s\S]*"d": .*base64\.b64decode\(each\["b64"\]\)/);
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
      { label: '0', value: 3 },
      { label: '1', value: 1 },
    ]);
    const many = topBars(Array.from({ length: 1000 }, (_, i) => i))!;
    assert.deepEqual(
      [many.bars.length, many.bars[0], many.note],
      [10, { label: '999', value: 999 }, 'The 10 largest of 1000.'],
    );
    assert.deepEqual([topBars('x'), topBars([]), topBars([['a']])], [undefined, undefined, undefined]);
  });

  it('shows classes as bars with their names, and a regression’s value as it is', () => {
    const [[, classes]] = namedOutputs({
      results: [
        [
          ['cat', 0.9],
          ['', 0.1],
        ],
      ],
    }) as [[string, unknown]];
    assert.deepEqual(topBars(classes), {
      bars: [
        { label: 'cat', value: 0.9 },
        { label: '#1', value: 0.1 },
      ],
      note: undefined,
    });
    const many = Array.from({ length: 100 }, (_, i) => [`c${i}`, i / 100]);
    assert.deepEqual(topBars(many)!.bars[0], { label: 'c99', value: 0.99 });
    assert.deepEqual(namedOutputs({ results: [0.5] }), [['', 0.5]]);
  });

  it('names the numbers of a row by their classes, if there are as many', () => {
    const labels = (row: unknown, classes: readonly string[]) => topBars(row, classes)!.bars.map(({ label }) => label);
    assert.deepEqual(labels([0.1, 0.9], ['cat', 'dog']), ['cat', 'dog']);
    assert.deepEqual(labels([[0.1, 0.9]], ['cat', '']), ['cat', '1']);
    assert.deepEqual(labels([0.1, 0.9, 0], ['cat', 'dog']), ['0', '1', '2']);
  });

  it('shows rows of a few values as a table', () => {
    const rows = [
      [1, 2],
      [3, 4],
    ];
    assert.deepEqual(tableOf(rows, ['a', 'b']), { rows, columns: ['a', 'b'], note: undefined });
    assert.deepEqual(tableOf(['x', 'y']), { rows: [['x'], ['y']], columns: [], note: undefined });
    assert.equal(tableOf(Array.from({ length: 60 }, () => [true]))!.note, 'The first 50 rows of 60.');
    for (const value of [[], [[]], [[1], [1, 2]], [[[1]]], [null], 'x', new Array(2).fill(new Array(13).fill(0))]) {
      assert.equal(tableOf(value), undefined, JSON.stringify(value));
    }
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
