import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { ShadowReport } from '../../../src/admin/runtime-report.ts';
import { runtimeWords, shadowWords } from '../../../src/features/console/ui/models/runtime-words.ts';

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

it('says what a shadow has found', () => {
  const shadow: ShadowReport = {
    ...{ runtime: 'tfjs', sample: 0.1, state: 'running', reason: '', restarts: 0, compared: 200, different: 3 },
    latency_ratio: 4.25,
    left_out: { busy: 2, too_large: 0, failed: 1 },
    outputs: [
      { output: 'p', mismatches: 9, max_absolute: 0.0123, max_relative: 1 },
      { output: 'd', mismatches: 1 },
    ],
  };
  assert.equal(
    plain(shadowWords(shadow)),
    'Shadow on tfjs: 3 of 200 compared batches differ; a run takes 4.25 × as long. Differences: p by up to 0.012, d 1 elements. Left out: 2 busy, 0 too large, 1 failed.',
  );
  assert.equal(shadowWords({ ...shadow, state: 'off', reason: 'no natives' }), 'Shadow on tfjs: off, no natives.');
  assert.equal(shadowWords({ ...shadow, state: 'loading' }), 'Shadow on tfjs: loading.');
});
