import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Signature } from '../../../src/core/signature.ts';
import { EnsembleGraph } from '../../../src/features/ensembles/ensemble-graph.ts';
import { planEnsemble } from '../../../src/features/ensembles/ensemble-plan.ts';
import type { EnsembleDeclaration } from '../../../src/models/loading/declared-ensemble.ts';
import { signature, spec } from '../../support/puppet-models.ts';

const DETECT = signature(
  { image: spec('float32', [-1, 64]) },
  { boxes: spec('float32', [-1, 4]), score: spec('float32', [-1]) },
);
const READ = signature({ crops: spec('float32', [-1, 4]), lang: spec('string', [-1]) }, { text: spec('string', [-1]) });

type Step = readonly [model: string, inputs: Record<string, string>, outputs: Record<string, string>];
const DETECT_STEP: Step = ['detect', { image: 'picture' }, { boxes: 'boxes', score: 'score' }];
const READ_STEP: Step = ['read', { crops: 'boxes', lang: 'lang' }, { text: 'text' }];

function plan(steps: readonly Step[], more: Partial<EnsembleDeclaration> = {}, known: Record<string, Signature> = {}) {
  const problems: string[] = [];
  const members: Record<string, Signature> = { detect: DETECT, read: READ, ...known };
  const declared = {
    steps: steps.map(([model, inputs, outputs]) => ({
      model,
      inputs: new Map(Object.entries(inputs)),
      outputs: new Map(Object.entries(outputs)),
    })),
    ...more,
  } as EnsembleDeclaration;
  const signatures = declared.steps.map(({ model }) => members[model]);
  const planned = planEnsemble(declared, signatures, (problem, ...at) => problems.push(`${at.join('.')}: ${problem}`));
  return { ...planned, problems };
}

describe('planEnsemble', () => {
  it('derives the signature: what no step gives goes in, what none takes comes out', () => {
    const { signature: made, steps, problems } = plan([READ_STEP, DETECT_STEP]);
    assert.deepEqual(problems, []);
    assert.deepEqual([...made.inputs.keys()], ['lang', 'picture']);
    assert.deepEqual([...made.outputs.keys()], ['text', 'score']);
    assert.deepEqual(made.inputs.get('picture'), { dtype: 'float32', shape: [-1, 64], tensorName: 'picture' });
    assert.equal(made.batchAxis.kind, 'dynamic');
    assert.deepEqual(
      steps.map(({ member }) => member.name),
      ['detect', 'read'],
    );
  });

  it('takes the order of inputs and outputs from the lists', () => {
    const lists = { inputs: ['picture', 'lang'], outputs: ['score', 'text', 'boxes'] };
    const { signature: made, problems } = plan([DETECT_STEP, READ_STEP], lists);
    assert.deepEqual(problems, []);
    assert.deepEqual([...made.inputs.keys()], ['picture', 'lang']);
    assert.deepEqual([...made.outputs.keys()], ['score', 'text', 'boxes']);
  });

  it('has no rows where a step has none, or has them elsewhere', () => {
    const still = { ...DETECT, batchAxis: { kind: 'none' } as const };
    assert.equal(plan([DETECT_STEP], {}, { detect: still }).signature.batchAxis.kind, 'none');
    const elsewhere = { ...DETECT, batchAxes: new Map([['image', 1]]) };
    assert.equal(plan([DETECT_STEP], {}, { detect: elsewhere }).signature.batchAxis.kind, 'none');
  });

  it('knows of a tensor what all its ends know', () => {
    const wide = signature({ image: spec('float32', [8, -1]) }, { y: spec('float32', [-1]) });
    const both = plan([DETECT_STEP, ['wide', { image: 'picture' }, { y: 'y' }]], {}, { wide });
    assert.deepEqual(both.problems, []);
    assert.deepEqual(both.signature.inputs.get('picture')!.shape, [8, 64]);
  });

  const CASES: readonly (readonly [string, Parameters<typeof plan>, RegExp])[] = [
    [
      'an unknown input',
      [[['detect', { imag: 'picture' }, { boxes: 'b' }]]],
      /^steps.0.inputs.imag: model "detect" has no input "imag"; did you mean "image"/,
    ],
    [
      'a missing input',
      [[['read', { crops: 'boxes' }, { text: 'text' }]]],
      /^steps.0.inputs: model "read" needs its input "lang"/,
    ],
    [
      'an unknown output',
      [[['detect', { image: 'picture' }, { box: 'b' }]]],
      /^steps.0.outputs.box: model "detect" has no output "box"/,
    ],
    ['a step that gives nothing', [[['detect', { image: 'picture' }, {}]]], /^steps.0: the step gives nothing/],
    [
      'a tensor of two steps',
      [[DETECT_STEP, ['detect', { image: 'picture' }, { boxes: 'boxes' }]]],
      /^steps.1.outputs.boxes: two steps give "boxes"/,
    ],
    [
      'another dtype',
      [[['detect', { image: 'lang' }, { boxes: 'boxes' }], READ_STEP]],
      /^steps.1.inputs.lang: "lang" is float32 \[\?,64\], and model "read" takes it as string/,
    ],
    [
      'another shape',
      [[['detect', { image: 'picture' }, { score: 'boxes' }], READ_STEP]],
      /^steps.1.inputs.crops: "boxes" is float32 \[\?\], and model "read" wants float32 \[\?,4\]/,
    ],
    [
      'an input that nobody takes',
      [[DETECT_STEP], { inputs: ['picture', 'other'] }],
      /^inputs.1: no step takes "other"/,
    ],
    [
      'an input that a step gives',
      [[DETECT_STEP, READ_STEP], { inputs: ['picture', 'lang', 'boxes'] }],
      /^inputs.2: a step gives "boxes"/,
    ],
    [
      'a tensor from nowhere',
      [[DETECT_STEP, READ_STEP], { inputs: ['picture'] }],
      /^steps.1.inputs.lang: no step gives "lang", and it is no input/,
    ],
    [
      'an output from nowhere',
      [[DETECT_STEP], { outputs: ['boxes', 'score', 'texts'] }],
      /^outputs.2: no step gives "texts"/,
    ],
    [
      'an unused output',
      [[DETECT_STEP], { outputs: ['boxes'] }],
      /^steps.0.outputs.score: nothing takes "score", and it is no output/,
    ],
  ];
  for (const [what, args, pattern] of CASES) {
    it(`reports ${what}`, () => {
      const { problems } = plan(...args);
      assert.ok(
        problems.some((each) => pattern.test(each)),
        problems.join('\n'),
      );
    });
  }

  it('reports steps that wait for one another', () => {
    const pass = signature({ x: spec('float32', [-1]) }, { y: spec('float32', [-1]) });
    const circle: Step[] = [
      ['pass', { x: 'b' }, { y: 'a' }],
      ['pass', { x: 'a' }, { y: 'b' }],
      ['pass', { x: 'in' }, { y: 'out' }],
    ];
    const { problems } = plan(circle, {}, { pass });
    assert.deepEqual(problems, [
      'steps: the steps 1 (pass), 2 (pass) wait for one another: each takes what only another of them gives',
    ]);
  });
});

describe('EnsembleGraph', () => {
  it('finds the way from an ensemble to itself', () => {
    const graph = new EnsembleGraph();
    graph.set('a', ['x', 'b']);
    graph.set('b', ['c']);
    assert.equal(graph.circleOf('a'), undefined);
    graph.set('c', ['b', 'a']);
    assert.deepEqual(graph.circleOf('a'), ['a', 'b', 'c', 'a']);
    graph.set('c', []);
    assert.equal(graph.circleOf('a'), undefined);
    graph.set('a', ['a']);
    assert.deepEqual(graph.circleOf('a'), ['a', 'a']);
  });
});
