import assert from 'node:assert/strict';
import { it } from 'node:test';
import { keepNextTickFast, kept } from '../../../src/internals/next-tick.ts';

it('node’s objects for nextTick are of the form that is kept', () => {
  assert.equal(keepNextTickFast(), true);
  const symbols = Object.getOwnPropertySymbols(kept!).map(({ description }) => description);
  assert.deepEqual(symbols, ['async_id_symbol', 'trigger_async_id_symbol']);
  assert.deepEqual(Object.keys(kept!), ['callback', 'args']);
});
