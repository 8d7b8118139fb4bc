/** The tree that the demo and the example print. */
import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { it } from 'node:test';
import { pathToFileURL } from 'node:url';

const { renderTrace } = await import(pathToFileURL(resolve('scripts/demo/render.mjs')).href);

it('a batch has the request whose child it is, and those to which it is linked', () => {
  const times = { startTimeUnixNano: '1000', endTimeUnixNano: '2000' };
  const attributes = [{ key: 'inference.batch.rows', value: { intValue: 5 } }];
  const shown = (links: number): string =>
    renderTrace([
      { ...times, name: 'Predict', spanId: 'a' },
      { ...times, name: 'inference.batch', spanId: 'b', parentSpanId: 'a', attributes, links: Array(links).fill({}) },
    ]);
  assert.match(shown(0), /5 rows of 1 request$/);
  assert.match(shown(2), /5 rows of 3 requests, linked to each of them$/);
});
