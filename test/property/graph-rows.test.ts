/**
 * Some hundred of the graphs that `npm test -- graphs` draws: none that the judge says keeps rows apart gives a row other
 * results in company than alone, and whatever bytes a model has, the judge answers.
 */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { judgeGraph } from '../../src/backends/onnx/graph/judge-graph.ts';
import { checkGraph } from '../graphs/check-graph.ts';
import { Draw, mixedSeed } from '../graphs/draw.ts';
import { drawGraph } from '../graphs/draw-graph.ts';
import { checkedText } from '../graphs/fate.ts';
import { tempDirectory } from '../support/temp-directory.ts';

const SEED = 1;
const GRAPHS = 400;

test(`of ${GRAPHS} graphs none is wrongly judged to keep rows apart, and many are rightly`, async (t) => {
  const file = join(tempDirectory(t), 'model.onnx');
  let compared = 0;
  for (let number = 0; number < GRAPHS; number++) {
    const checked = await checkGraph(mixedSeed(SEED, number), file);
    const outcome = checked.comparison?.outcome;
    assert.notEqual(outcome, 'wrong', `graph ${number} of seed ${SEED}:\n${checkedText(checked)}`);
    if (outcome === 'same') compared += 1;
  }
  t.diagnostic(`${compared} were judged to keep rows apart, and do`);
  assert.ok(compared > GRAPHS / 4, `${compared} graphs were compared`);
});

test('a seed gives one graph', () => {
  assert.deepEqual(drawGraph(7).bytes, drawGraph(7).bytes);
});

test('a model of damaged bytes is judged, and nothing is thrown', async (t) => {
  const file = join(tempDirectory(t), 'model.onnx');
  for (let number = 0; number < GRAPHS; number++) {
    const { bytes } = drawGraph(mixedSeed(SEED, number));
    const draw = new Draw(number);
    for (let damage = draw.between(1, 4); damage > 0; damage--) bytes[draw.below(bytes.length)] = draw.below(256);
    writeFileSync(file, draw.oneIn(20) ? bytes.subarray(0, bytes.length >> 1) : bytes);
    const { kind, reason } = await judgeGraph(file);
    assert.ok(['rows', 'mixed', 'undecided'].includes(kind) && reason.length > 0);
    assert.doesNotMatch(reason, /cannot read prop|is not a function|of undefined|not iterable|invalid array/i);
  }
});
