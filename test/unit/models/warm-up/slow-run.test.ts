import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Signatures } from '../../../../src/core/signature.ts';
import { SLOW_RUN_MS, slowRunOf } from '../../../../src/models/warm-up/slow-run.ts';

const SIGNATURES = new Map([
  ['one', { batchAxis: { kind: 'dynamic' } }],
  ['eight', { batchAxis: { kind: 'fixed', size: 8 } }],
]) as unknown as Signatures;
const NO_PROOF = Promise.resolve(0);

it('a run that was measured at load and took long is the only one, and tells how long requests take', async () => {
  const measured = { oneRowMs: 75_000, largestMs: undefined };
  const run = await slowRunOf({ measured }, NO_PROOF, SIGNATURES);
  assert.match(run!.text, /^one run took 75 s, so no other was made/);
  assert.deepEqual(run!.seeds, [
    { signatureName: 'one', rows: 1, runMs: [75_000] },
    { signatureName: 'eight', rows: 8, runMs: [75_000] },
  ]);
});

it('a first run of a proof is the only one likewise, but may have prepared the runtime', async () => {
  const run = await slowRunOf({ measured: undefined }, Promise.resolve(SLOW_RUN_MS), SIGNATURES);
  assert.deepEqual(run!.seeds, []);
});

it('others may follow a run that was not slow, or none', async () => {
  const measured = { oneRowMs: 5000, largestMs: undefined };
  assert.equal(await slowRunOf({ measured }, NO_PROOF, SIGNATURES), undefined);
  assert.equal(await slowRunOf({ measured: undefined }, NO_PROOF, SIGNATURES), undefined);
});
