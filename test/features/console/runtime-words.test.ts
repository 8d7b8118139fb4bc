import assert from 'node:assert/strict';
import { it } from 'node:test';
import { runtimeWords } from '../../../src/features/console/ui/models/runtime-words.ts';

const plain = (text: string | undefined): string | undefined => text?.replaceAll('\u2009', ' ');

it('says which runtime was chosen, and why the others were not', () => {
  const times = [1, 8, 64].map((rows) => ({ signature: 's', rows, ms: rows / 10 }));
  const words = runtimeWords({
    kind: 'onnx',
    reason: 'the next one takes 2 × as long',
    candidates: [
      { runtime: 'onnx', outcome: 'chosen', times },
      { runtime: 'saved_model', outcome: 'slower', relative_cost: 2, times: times.slice(0, 1) },
      { runtime: 'tfjs_model', outcome: 'skipped', reason: 'no natives', times: [] },
    ],
  });
  assert.equal(
    plain(words),
    'Runs on onnx (100 µs for 1 row, 6.4 ms for 64 rows): the next one takes 2 × as long. saved_model is slower, 2 × (100 µs for 1 row). tfjs_model is not used: no natives.',
  );
  assert.equal(runtimeWords({ kind: 'onnx' }), undefined);
});
