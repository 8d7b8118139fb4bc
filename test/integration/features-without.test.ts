/** A server without one of its features, and one without any, starts, predicts on both surfaces and drains. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { FeatureList } from '../../src/kernel/feature.ts';
import { FEATURES } from '../../src/pillion.ts';
import { floatRequest, PREDICTION } from '../support/grpc-harness.ts';
import { localAppOf } from '../support/local-app.ts';

const MODEL = '--model=m=examples/half_plus_two/models/half_plus_two';
const NAMES = FEATURES.features.map(({ name }) => name);

async function serves(t: TestContext, features: FeatureList): Promise<void> {
  const app = await localAppOf(t, features, MODEL);
  const { status, body } = await app.post('/v1/models/m:predict', { instances: [1, 5] });
  assert.deepEqual([status, body], [200, { predictions: [2.5, 4.5] }]);
  const answer = await app.call(PREDICTION, 'Predict', floatRequest([1, 5]));
  assert.deepEqual(answer.outputs?.y?.float_val, [2.5, 4.5], String(answer));
  const operators = await fetch(`${app.admin}/models`);
  assert.equal(operators.status, 200);
  await operators.arrayBuffer();
}

describe('a server', () => {
  for (const name of NAMES) {
    it(`serves without the feature ${name}`, (t) => serves(t, FEATURES.without(name)));
  }

  it('serves without any feature', async (t) => {
    const none = FEATURES.without(...NAMES);
    assert.deepEqual(none.features, []);
    await serves(t, none);
  });
});
