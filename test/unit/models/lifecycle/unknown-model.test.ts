/** The text for a model that is not served. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { unknownModel } from '../../../../src/models/lifecycle/refusals.ts';

/** `count` names of `length` letters, the last of which is all y. */
function names(count: number, length: number): string[] {
  return Array.from({ length: count }, (_, i) => (i === count - 1 ? 'y' : 'n').repeat(length));
}

test('a few names are all listed', () => {
  assert.equal(unknownModel('x', ['a', 'b']).message, 'no model "x" is served here; served: a, b');
  assert.equal(unknownModel('x', []).message, 'no model "x" is served here; served: none is');
  assert.equal(unknownModel('x', undefined).message, 'no model "x" is served here');
});

test('of many, the one that was probably meant comes first', () => {
  const { message } = unknownModel('yyyyyx', names(300, 6));
  assert.match(message, /; did you mean yyyyyy\? served: nnnnnn, .* and 292 more$/);
});

test('only so many letters are compared, however long the names are', () => {
  const asked = `${'y'.repeat(99)}x`;
  const meant = 'y'.repeat(100);
  assert.match(unknownModel(asked, [...names(9, 2), meant]).message, /; did you mean y{100}\? served: nn, /);
  assert.doesNotMatch(unknownModel(asked, names(10, 100)).message, /did you mean/);
});
