import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Signature } from '../../../src/core/signature.ts';
import { declareState } from '../../../src/features/sequences/declare-state.ts';
import type { DeclaredValue } from '../../../src/models/loading/declared-state.ts';
import { signature, spec } from '../../support/puppet-models.ts';

const VAD: Signature = {
  ...signature(
    { input: spec('float32', [-1, -1]), state: spec('float32', [2, -1, 8]), sr: spec('int64', []) },
    { output: spec('float32', [-1, 1]), stateN: spec('float32', [-1, -1, -1]), rate: spec('int64', []) },
  ),
  batchAxes: new Map<string, number | 'same'>([
    ['state', 1],
    ['stateN', 1],
    ['sr', 'same'],
  ]),
};

/** Of one input. */
function declare(input: string, entry: DeclaredValue, graph = VAD) {
  const problems: string[] = [];
  const made = declareState(new Map([[input, entry]]), new Map([['serving_default', graph]]), (problem, ...at) =>
    problems.push(`${at.filter((each) => each !== undefined).join('.')}: ${problem}`),
  );
  return { problems, state: made.get('serving_default') };
}

test('zeros have the shape of the input, with the rows of the request', () => {
  const { problems, state } = declare('state', { output: 'stateN' });
  assert.deepEqual(problems, []);
  assert.deepEqual([...state!], [['state', { output: 'stateN', zeros: [2, -1, 8] }]]);
  assert.deepEqual(declare('state', { output: 'stateN', shape: [2, 1, 8] }).state!.get('state')!.zeros, [2, 1, 8]);
  assert.equal(declare('state', { output: 'stateN', initial: 'request' }).state!.get('state')!.zeros, undefined);
});

test('a dim of any size beside the rows needs a size', () => {
  const cache = { ...VAD, inputs: new Map(VAD.inputs).set('state', spec('float32', [2, -1, -1])) };
  const { problems } = declare('state', { output: 'stateN' }, cache);
  assert.equal(problems.length, 1);
  assert.match(problems[0]!, /^state: its shape is \[2,\?,\?\], so the zeros need one: write shape/);
  assert.deepEqual(declare('state', { output: 'stateN', shape: [2, 1, 0] }, cache).problems, []);
});

test('names, dtypes, shapes and batch axes must fit', () => {
  const cases: readonly (readonly [string, DeclaredValue, RegExp, Signature?])[] = [
    ['stat', { output: 'stateN' }, /^stat: the graph has no input "stat"; did you mean "state"/],
    ['state', { output: 'stateM' }, /^state.output: the graph has no output "stateM"; did you mean "stateN"/],
    ['state', { output: 'rate' }, /^state.output: input "state" is float32, and output "rate" int64/],
    ['state', { output: 'output' }, /is \[2,\?,8\], and output "output" \[\?,1\]/],
    ['state', { output: 'stateN', shape: [3, 1, 8] }, /^state.shape: the graph's input "state" is \[2,\?,8\]/],
    ['state', { output: 'stateN' }, /rows at dim 0, and output "stateN" at dim 1/, withoutAxisOf('state')],
  ];
  for (const [input, entry, pattern, graph] of cases) {
    const { problems } = declare(input, entry, graph);
    assert.ok(
      problems.some((each) => pattern.test(each)),
      `${problems.join('\n')} ~ ${pattern}`,
    );
  }
});

test('a signature without the state is left as it is', () => {
  const other = signature({ x: spec('float32', [-1]) }, { y: spec('float32', [-1]) });
  const made = declareState(
    new Map([['state', { output: 'stateN' }]]),
    new Map([
      ['vad', VAD],
      ['other', other],
    ]),
    assert.fail,
  );
  assert.equal(made.get('other'), undefined);
  assert.ok(made.get('vad'));
});

function withoutAxisOf(name: string): Signature {
  return { ...VAD, batchAxes: new Map([...VAD.batchAxes!].filter(([each]) => each !== name)) };
}
