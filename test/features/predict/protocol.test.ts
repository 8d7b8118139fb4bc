import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nested, parseAnswer } from '../../../src/features/predict/protocol.ts';

test('an answer is read with the numbers that JSON.parse refuses or rounds', () => {
  const text =
    '{"a": [0.9426618028671804, -1e-7, NaN, -Infinity, 9007199254740993], "NaN 1234567890123456789": "x\\"NaN"}';
  assert.deepEqual(parseAnswer(text), {
    a: [0.9426618028671804, -1e-7, 'NaN', '-Infinity', '9007199254740993'],
    'NaN 1234567890123456789': 'x"NaN',
  });
  assert.deepEqual(nested([1, 2, 3, 4], [2, 1, 2]), [[[1, 2]], [[3, 4]]]);
  assert.equal(nested([7], []), 7);
});
