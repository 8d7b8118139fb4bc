import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hintsOf } from '../../../../src/proxy/fronting/heads/early-hints.ts';

test('each link of a field alone, in order, without what ends at this hop', () => {
  const raw = [
    'Link',
    '</a,b>; rel=preload, </c>; title="d, \\"e\\""',
    'connection',
    'x-f',
    'x-f',
    '1',
    'link',
    ' </g>,,',
  ];
  assert.deepEqual(hintsOf([...raw, 'X-H', '1, 2']), {
    link: ['</a,b>; rel=preload', '</c>; title="d, \\"e\\""', '</g>'],
    'x-h': ['1, 2'],
  });
});
