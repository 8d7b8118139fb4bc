import assert from 'node:assert/strict';
import { it } from 'node:test';
import { mostTokensOf } from '../../../src/features/text/run/token-parts.ts';

const BINDING = { signatureName: 'serving_default', inputs: new Map(), fixedLength: undefined, output: 'logits' };

it('the tokens that are run at a time are bounded by the bytes of their outputs', () => {
  const mostOf = (rank: number, width: number): number => mostTokensOf({ ...BINDING, rank, width });
  // Vectors, one a text or a token, and an output whose width only its runs tell.
  for (const most of [mostOf(2, 50_000), mostOf(3, 768), mostOf(3, -1)]) assert.equal(most, 16_384);
  for (const vocabulary of [30_522, 50_265, 250_002]) {
    const bytes = mostOf(3, vocabulary) * vocabulary * 4;
    assert.ok(bytes <= 2 ** 28 && bytes > 2 ** 27, `${vocabulary}: ${bytes}`);
  }
  assert.equal(mostOf(3, 2 ** 30), 1);
});
