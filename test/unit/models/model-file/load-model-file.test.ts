import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext, test } from 'node:test';
import { ServingError } from '../../../../src/core/errors.ts';
import type { Signature } from '../../../../src/core/signature.ts';
import { loadModelFile } from '../../../../src/models/model-file/load-model-file.ts';
import type { DeclaredSignature } from '../../../../src/models/serving/declared-signature.ts';
import { valuesOf } from '../../../support/feature-specs.ts';
import { signature, spec } from '../../../support/puppet-models.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

/** Inputs a float32 [?,2,2] and b int64 [?]; outputs p float32 [?,3], c string [?,3], v float32 [?,1], n int64 [?]. */
const GRAPH: Signature = signature(
  { a: spec('float32', [-1, 2, 2], 'a'), b: spec('int64', [-1], 'b') },
  {
    p: spec('float32', [-1, 3], 'p'),
    c: spec('string', [-1, 3], 'c'),
    v: spec('float32', [-1, 1], 'v'),
    n: spec('int64', [-1], 'n'),
  },
);

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

type Views = ReadonlyMap<string, DeclaredSignature>;

async function load(t: TestContext, yaml: string, files: Record<string, string> = {}, graph = GRAPH): Promise<Views> {
  const directory = tempDirectory(t);
  writeFileSync(join(directory, 'pillion.yaml'), yaml);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
  const file = await loadModelFile(directory);
  return file!.views(new Map([['serving_default', graph]]));
}

/** The problems of a file, each from its line number on. */
async function problems(t: TestContext, yaml: string, files: Record<string, string> = {}): Promise<string[]> {
  try {
    await load(t, yaml, files);
  } catch (error) {
    assert.ok(error instanceof ServingError);
    assert.equal(error.kind, 'load_failed');
    return error.message
      .split('\n')
      .filter((line) => !/ has \d+ problems:$/.test(line))
      .map((line) => line.replace(/^.*pillion\.yaml:/, ''));
  }
  throw new Error('the file was taken');
}

test('a version without the file has no declarations', async (t) => {
  assert.equal(await loadModelFile(tempDirectory(t)), undefined);
});

for (const empty of ['', '# nothing yet\n', 'signatures:\n', 'signatures: {}\n']) {
  test(`${JSON.stringify(empty)} declares nothing`, async (t) => {
    assert.equal((await load(t, empty)).size, 0);
  });
}

test('a classify signature takes examples and gives classes and scores', async (t) => {
  const views = await load(
    t,
    `signatures:
  kinds:
    method: classify
    features:
      pixels: { input: a }
      count: { input: b, default: 7 }
    outputs: { scores: p }
    labels: [cat, 1, true]
`,
  );
  const view = views.get('kinds')!;
  assert.equal(view.graphName, 'serving_default');
  assert.equal(view.signature.methodName, 'tensorflow/serving/classify');
  assert.deepEqual([...view.signature.inputs], [['inputs', { dtype: 'string', shape: [-1], tensorName: 'inputs' }]]);
  assert.deepEqual(
    [...view.signature.outputs].map(([name, { dtype, shape }]) => [name, dtype, shape]),
    [
      ['classes', 'string', [-1, 3]],
      ['scores', 'float32', [-1, 3]],
    ],
  );
  assert.deepEqual(view.labels!.map(text), ['cat', '1', 'true']);
  assert.equal(view.inputs.kind, 'examples');
  const { features } = view.inputs as Extract<DeclaredSignature['inputs'], { kind: 'examples' }>;
  assert.deepEqual(
    features.map(({ name, input, kind, dtype, shape }) => [name, input, kind, dtype, shape]),
    [
      ['pixels', 'a', 'float32', 'float32', [2, 2]],
      ['count', 'b', 'int64', 'int64', []],
    ],
  );
  assert.deepEqual(valuesOf(features[1]!.filler), [7n]);
});

test('labels are the lines of a file, with either line end and without one at the end', async (t) => {
  const yaml = `signatures: {k: {method: classify, features: {a: , b: }, outputs: {scores: p}, labels: names.txt}}`;
  for (const lines of ['x\ny z\n\n', 'x\r\ny z\r\n\r\n', 'x\ny z\nw']) {
    const { labels } = (await load(t, yaml, { 'names.txt': lines })).get('k')!;
    const read = labels!.map(text);
    assert.deepEqual(read.slice(0, 2), ['x', 'y z']);
    assert.equal(read.length, 3);
  }
});

test('a predict signature renames, leaves out outputs and has defaults of one row', async (t) => {
  const views = await load(
    t,
    `signatures:
  serving_default:
    method: predict
    inputs: { number: b, image: a }
    outputs: { probability: p }
    defaults: { number: 9223372036854775807, image: [[[1, 2.5], [.inf, 4]]] }
  whole:
    method: predict
    defaults:
      b: -1
`,
  );
  const { signature: seen, inputs, outputs } = views.get('serving_default')!;
  // In the graph's order, as the scheduler wants them.
  assert.deepEqual([...seen.inputs.keys()], ['image', 'number']);
  assert.deepEqual(inputs.kind === 'tensors' && [...inputs.graphNames], [
    ['image', 'a'],
    ['number', 'b'],
  ]);
  assert.deepEqual([...outputs], [['probability', 'p']]);
  assert.deepEqual(seen.defaults!.get('number')!.shape, [1]);
  assert.deepEqual(valuesOf(seen.defaults!.get('number')), [2n ** 63n - 1n]);
  assert.deepEqual(seen.defaults!.get('image')!.shape, [1, 2, 2]);
  assert.deepEqual(valuesOf(seen.defaults!.get('image')), [1, 2.5, Infinity, 4]);
  assert.deepEqual([...views.get('whole')!.signature.outputs.keys()], ['p', 'c', 'v', 'n']);
});

test('views that read examples alike share a run, others do not', async (t) => {
  const views = await load(
    t,
    `signatures:
  one: { method: classify, features: { a: , b: }, outputs: { classes: c } }
  two: { method: regress, features: { a: a, b: { input: b } }, outputs: { outputs: v } }
  three: { method: regress, features: { a: , b: { default: 1 } }, outputs: { outputs: v } }
  four: { method: regress, features: { a: , b: { default: 2 } }, outputs: { outputs: v } }
`,
  );
  const sharing = [...views.values()].map(({ inputs }) => (inputs.kind === 'examples' ? inputs.sharing : ''));
  assert.equal(sharing[0], sharing[1]);
  assert.equal(new Set(sharing).size, 3);
});

test('a shape may regroup free dims and pad rows', async (t) => {
  const free = signature({ a: spec('string', [-1, -1, 2], 'a') }, { v: spec('float32', [-1], 'v') });
  const yaml = (feature: string) => `signatures: {r: {method: regress, features: {${feature}}, outputs: {outputs: v}}}`;
  const view = (await load(t, yaml('a: {shape: [-1, 2], default: none}'), {}, free)).get('r')!;
  assert.equal(view.inputs.kind === 'examples' && view.inputs.features[0]!.shape[0], -1);
});

test('every problem is told at once, with line, column and the nearest name', async (t) => {
  const told = await problems(
    t,
    `signatures:
  one:
    method: clasify
  two:
    method: classify
    feature: { a: }
    outputs: { score: p }
  three:
    features: { a: }
  four:
    method: predict
    inputs: { x: aa, y: b, z: b }
    outputs: { q: pp }
    defaults: { y: maybe, w: 1 }
`,
  );
  assert.deepEqual(told, [
    '3:13: there is no method "clasify"; did you mean "classify"?',
    '4:3: no feature fills the graph\'s input "a"; add one to "features"',
    '4:3: no feature fills the graph\'s input "b"; add one to "features"',
    '6:5: unknown key "feature"; did you mean "features"?',
    '7:16: a classify signature has no output "score"; did you mean "scores"?',
    '8:3: signature "three" has no "method"; write one of predict, classify, regress',
    '10:3: nothing is given to the graph\'s input "a"; add it to "inputs"',
    '12:18: the graph has no input "aa"; did you mean "a"?',
    '12:31: the graph\'s input "b" is "y" already',
    '13:19: the graph has no output "pp"; did you mean "p"?',
    '14:20: default of input "y": "maybe" is no int64',
    '14:27: there is no input "w"; there are "y"',
  ]);
});

const WRONG: readonly [what: string, yaml: string, problem: RegExp][] = [
  ['YAML that is none', 'signatures: {', /^1:\d+: .*/],
  ['a key that stands twice', 'signatures:\n  a: 1\n  a: 2\n', /^3:3: Map keys must be unique/],
  ['a list at the top', '- a\n', /^1:1: this is a list; write a map with the keys signatures, runtime, batching/],
  ['another file of that name', 'models: []\n', /^1:1: unknown key "models"; there are "signatures"/],
  ['a signature that is text', 'signatures: {a: b}', /^1:17: this is the text "b"; write a map with "method"/],
  ['no outputs', 'signatures: {k: {method: classify, features: {a: , b: }}}', /"outputs" is missing/],
  ['no value', 'signatures: {k: {method: regress, features: {a: , b: }, outputs: {}}}', /does not have "outputs"/],
  [
    'scores of another dtype',
    'signatures: {k: {method: classify, features: {a: , b: }, outputs: {scores: n}}}',
    /"scores" must be float32, but the graph's output "n" is int64/,
  ],
  [
    'more values than one an example',
    'signatures: {k: {method: regress, features: {a: , b: }, outputs: {outputs: p}}}',
    /one value an example is \[\?\] or \[\?,1\]/,
  ],
  [
    'too few labels',
    'signatures: {k: {method: classify, features: {a: , b: }, outputs: {scores: p}, labels: [x]}}',
    /1 labels, but "scores" has 3 columns/,
  ],
  [
    'labels beside classes',
    'signatures: {k: {method: classify, features: {a: , b: }, outputs: {scores: p, classes: c}, labels: [x, y, z]}}',
    /gives "classes" itself; leave out one/,
  ],
  [
    'a file of labels elsewhere',
    'signatures: {k: {method: classify, features: {a: , b: }, outputs: {scores: p}, labels: ../secret}}',
    /"\.\.\/secret" is not in the version's directory/,
  ],
  [
    'a file of labels that is not there',
    'signatures: {k: {method: classify, features: {a: , b: }, outputs: {scores: p}, labels: names.txt}}',
    /"names.txt" cannot be used: there is no such file/,
  ],
  [
    'two features for one input',
    'signatures: {k: {method: regress, features: {a: , b: , c: a}, outputs: {outputs: v}}}',
    /the graph's input "a" is filled by "a" already/,
  ],
  [
    'a dtype that cannot fill the input',
    'signatures: {k: {method: regress, features: {a: , b: {dtype: float32}}, outputs: {outputs: v}}}',
    /feature "b" fills an input of int64; it may be int64/,
  ],
  [
    'a shape that does not fit',
    'signatures: {k: {method: regress, features: {a: {shape: [4]}, b: }, outputs: {outputs: v}}}',
    /the shape \[4\] does not fit \[2,2\]/,
  ],
  [
    'a shape that is none',
    'signatures: {k: {method: regress, features: {a: {shape: [2, -1]}, b: }, outputs: {outputs: v}}}',
    /this is no shape of an example/,
  ],
  [
    'a default of another size',
    'signatures: {k: {method: regress, features: {a: {default: [1, 2]}, b: }, outputs: {outputs: v}}}',
    /default of feature "a": it has 2 values, but the shape \[2,2\] takes 4/,
  ],
  [
    'a default that is no number',
    'signatures: {k: {method: regress, features: {a: {default: [[1, x], [1, 2]]}, b: }, outputs: {outputs: v}}}',
    /default of feature "a": "x" is no float32/,
  ],
  [
    'a ragged default',
    'signatures: {k: {method: predict, defaults: {a: [[1, 2], [3]]}}}',
    /default of input "a": its lists differ in length/,
  ],
  [
    'a default with a row too many',
    'signatures: {k: {method: predict, defaults: {b: [1, 2]}}}',
    /it is \[2\], but one row of the input is \[\]/,
  ],
];

for (const [what, yaml, problem] of WRONG) {
  test(`${what} is refused with its place`, async (t) => {
    const told = await problems(t, yaml);
    assert.ok(
      told.some((line) => problem.test(line)),
      told.join('\n'),
    );
    for (const line of told) assert.match(line, /^\d+:\d+: /);
  });
}

test('a file that asks for much memory in few lines is refused', async (t) => {
  const bomb = ['signatures:', '  k:', '    method: predict', '    defaults:', '      a: [&a0 [1, 1], *a0]'];
  for (let i = 1; i < 24; i++) bomb.push(`      x${i}: &a${i} [*a${i - 1}, *a${i - 1}, *a${i - 1}]`);
  const told = await problems(t, bomb.join('\n'));
  assert.ok(told.some((line) => /more than 1000 aliases/.test(line)));
});

test('a directory of that name is told as such', async (t) => {
  const directory = tempDirectory(t);
  mkdirSync(join(directory, 'pillion.yaml'));
  await assert.rejects(loadModelFile(directory), /pillion\.yaml: it is no file/);
});

describe('help for people who try the model', () => {
  const HELP = `signatures:
  renamed: { method: predict, inputs: { picture: a, n: b } }
inputs:
  a: { range: [-1, 1], picture: [2, 2] }
`;

  it('has ranges, pictures and samples of the graph’s inputs', async (t) => {
    const directory = tempDirectory(t);
    writeFileSync(join(directory, 'pillion.yaml'), `${HELP}samples: more/samples.json\n`);
    mkdirSync(join(directory, 'more'));
    const sample = {
      name: 'ones',
      inputs: {
        a: [
          [1, 1.5],
          [1, 1],
        ],
        b: 7,
      },
    };
    writeFileSync(join(directory, 'more', 'samples.json'), JSON.stringify([sample]));
    const file = (await loadModelFile(directory))!;
    file.views(new Map([['serving_default', GRAPH]]));
    const { inputs, samples, graphInputs } = file.tryOut!;
    assert.deepEqual([...inputs], [['a', { range: [-1, 1], picture: [2, 2] }]]);
    assert.deepEqual(
      samples.map(({ name, inputs: rows }) => [name, [...rows]]),
      [
        [
          'ones',
          [
            [
              'a',
              [
                [1n, 1.5],
                [1n, 1n],
              ],
            ],
            ['b', 7n],
          ],
        ],
      ],
    );
    assert.deepEqual(
      [...graphInputs.get('renamed')!],
      [
        ['picture', 'a'],
        ['n', 'b'],
      ],
    );
  });

  it('is absent where the file has none of it', async (t) => {
    const directory = tempDirectory(t);
    writeFileSync(join(directory, 'pillion.yaml'), 'signatures: {}\n');
    const file = (await loadModelFile(directory))!;
    file.views(new Map([['serving_default', GRAPH]]));
    assert.equal(file.tryOut, undefined);
  });

  it('is checked against the graph', async (t) => {
    const found = await problems(
      t,
      `inputs:
  A: { range: [0, 1] }
  a: { range: [1, 0], picture: [3, 2] }
  b: { picture: [2], shape: [1] }
samples:
  - { name: wrong, inputs: { c: 1, a: [1, 2] } }
  - { name: right, inputs: { b: 1 } }
`,
    );
    assert.deepEqual(found, [
      '2:3: the graph has no input "A"; there are "a", "b"',
      '3:8: this is no range; write two numbers, the lowest first, such as [0, 255]',
      '3:32: a picture of 3 x 2 does not fit [2,2], one row of the input',
      '4:8: this is no size of a picture; write the height and the width in pixels, such as [28, 28]',
      '4:22: unknown key "shape"; there are "range", "picture"',
      '6:30: the graph has no input "c"; there are "a", "b"',
      '6:36: input "a": it is [2], but one row of the input is [2,2]',
    ]);
  });

  it('never comes from a file outside the version’s directory', async (t) => {
    const outside = "is not in the version's directory; put it there";
    for (const name of ['../secret.json', '/etc/hostname', 'a/../../secret.json']) {
      assert.deepEqual(await problems(t, `samples: ${name}\n`), [`1:10: the file of samples "${name}" ${outside}`]);
    }
    const directory = tempDirectory(t);
    const other = tempDirectory(t);
    writeFileSync(join(other, 'secret.json'), '[{"name": "x", "inputs": {"b": 1}}]');
    symlinkSync(join(other, 'secret.json'), join(directory, 'samples.json'));
    writeFileSync(join(directory, 'pillion.yaml'), 'samples: samples.json\n');
    const file = (await loadModelFile(directory))!;
    assert.throws(() => file.views(new Map([['serving_default', GRAPH]])), /is not in the version's directory/);
    assert.deepEqual(file.tryOut, undefined);
  });

  it('says what is wrong with the file of samples', async (t) => {
    const of = (text: string) => problems(t, 'samples: s.json\n', { 's.json': text });
    assert.deepEqual(await problems(t, 'samples: s.json\n'), [
      '1:10: the file of samples "s.json" cannot be used: there is no such file',
    ]);
    assert.match((await of('{}')).join(), /s\.json:1:1: this is a map; write a list of samples/);
    assert.match((await of('[{"name": "x"}]')).join(), /s\.json:1:2: /);
    assert.match(
      (await of('[{"name": "x", "inputs": {"b": "y"}}]')).join(),
      /s\.json:1:27: input "b": "y" is no int64/,
    );
    assert.match((await of('')).join(), /cannot be used: it is empty/);
    const many = JSON.stringify(Array.from({ length: 101 }, () => ({ name: 'x', inputs: {} })));
    assert.match((await of(many)).join(), /this list is too long; write 100 samples at most/);
  });
});
