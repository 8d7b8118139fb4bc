import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Facts } from '../../../src/core/collections/facts.ts';
import type { Signature } from '../../../src/core/signature.ts';
import { CACHE } from '../../../src/features/response-cache/cache-key.ts';
import { installResponseCache } from '../../../src/features/response-cache/install.ts';
import type { Installation } from '../../../src/kernel/installation.ts';
import { ModelSeams } from '../../../src/kernel/model-seams.ts';
import { Gauges } from '../../../src/ledger/metrics/gauges.ts';
import { Registry } from '../../../src/ledger/metrics/registry.ts';
import { FEATURES } from '../../../src/pillion.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { modelConfig } from '../../support/model-lifecycle-harness.ts';
import { affine, FLOAT_SIGNATURE, PuppetRunner } from '../../support/puppet-models.ts';

const inner = new PuppetRunner(affine(2, 0));

/** The version's runner, and what is told of it. */
function composed(signature: Signature, isComposed = false) {
  const models = new ModelSeams(FEATURES);
  const telemetry = { metrics: { gauges: new Gauges(new Registry()) } };
  installResponseCache({ clock: new FakeClock(), models, telemetry } as unknown as Installation);
  const warnings: string[] = [];
  const runner = models.layers.requests[0]!(inner, {
    model: { ...modelConfig('m'), featureKeys: new Map([[CACHE, { maxMib: 1, ttlMs: 1000 }]]) },
    version: 1n,
    isComposed,
    signatures: new Map([['s', signature]]),
    facts: new Facts(),
    warn: (text) => warnings.push(text),
  });
  return { runner, warnings };
}

it('stands around a model without a state', () => {
  const { runner, warnings } = composed(FLOAT_SIGNATURE);
  assert.notEqual(runner, inner);
  assert.deepEqual(warnings, []);
});

it('has no effect on a model that keeps a state, and this is told', () => {
  const { runner, warnings } = composed({ ...FLOAT_SIGNATURE, kept: { nextOf: new Map() } });
  assert.equal(runner, inner);
  assert.ok(warnings.some((each) => each.startsWith('its cache has no effect')));
});

it('has no effect on an ensemble, and this is told', () => {
  const { runner, warnings } = composed(FLOAT_SIGNATURE, true);
  assert.equal(runner, inner);
  assert.ok(warnings.some((each) => each.startsWith('its cache has no effect')));
});
