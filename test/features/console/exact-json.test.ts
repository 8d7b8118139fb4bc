/** No number of the playground is sent or shown as another one. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isExact, parseAnswer, parseTyped } from '../../../src/features/console/ui/playground/exact-json.ts';
import { parseNumbers } from '../../../src/features/console/ui/playground/input-kinds.ts';

const BEYOND = /is beyond 2\^53, where a page rounds integers; send it by a client/;
const NO_JSON = /is no number of JSON, so this page cannot send it/;

describe('a typed number', () => {
  it('is refused where the page would send another one', () => {
    for (const text of ['9007199254740993', '-9007199254740992', '18446744073709551615']) {
      assert.throws(() => parseNumbers(text, [1], 'int64'), BEYOND);
      assert.throws(() => parseTyped(`[[1, ${text}]]`, 'uint64'), BEYOND);
      assert.throws(() => parseTyped(`{"id": ${text}}`, 'JSON'), BEYOND);
    }
    for (const text of ['NaN', '-Infinity', 'Infinity', 'Inf', '-Inf', '1e999', '9'.repeat(400)]) {
      assert.throws(() => parseNumbers(text, [1], 'float32'), NO_JSON, text);
      assert.throws(() => parseTyped(`[0, ${text}]`, 'float64'), NO_JSON, text);
    }
  });

  it('is sent where it is exact, as near as a float can be, or a text', () => {
    assert.deepEqual(parseNumbers('9007199254740991 -9007199254740991', [2], 'int64'), [2 ** 53 - 1, 1 - 2 ** 53]);
    assert.deepEqual(parseNumbers('9007199254740993', [1], 'float64'), [2 ** 53]);
    assert.deepEqual(parseTyped('["9007199254740993", "NaN \\" 1e999", true]', 'string'), [
      '9007199254740993',
      'NaN " 1e999',
      true,
    ]);
    assert.throws(() => parseTyped('[1,', 'int64'), SyntaxError);
  });
});

describe('an answer', () => {
  it('shows every digit', () => {
    const text = '{"predictions": [9007199254740993, -1.5e3, NaN, -Infinity, "12345678901234567890", 7]}';
    assert.deepEqual(parseAnswer(text), {
      predictions: ['9007199254740993', -1500, 'NaN', '-Infinity', '12345678901234567890', 7],
    });
    assert.equal(isExact(text), false);
  });

  it('is otherwise what JSON.parse reads', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        if (!isExact(text)) return;
        assert.deepEqual(parseAnswer(text), JSON.parse(text));
      }),
    );
    fc.assert(
      fc.property(fc.bigInt(), (value) => {
        assert.equal(String((parseAnswer(`[${value}]`) as unknown[])[0]), String(value));
      }),
    );
  });
});
