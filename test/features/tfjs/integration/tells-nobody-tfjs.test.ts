/** TensorFlow's libraries have no telemetry to switch off: a sidecar that serves by them tells nobody either. */
import assert from 'node:assert/strict';
import { afterEach, it } from 'node:test';
import { killSidecars } from '../../../support/sidecar.ts';
import { assertTellsNobody, startWatched } from '../../../support/watched-sidecar.ts';
import { expectedOfFixtures, FIXTURES } from '../tfjs-models.ts';

afterEach(killSidecars);

it('a SavedModel and a model of TensorFlow.js write, call and ask for nothing', async (t) => {
  const { x, y } = expectedOfFixtures();
  const sidecar = await startWatched(t, [
    `--model=alone=${FIXTURES}/half_plus_two`,
    `--model=grouped=${FIXTURES}/half_plus_two,process_group=g`,
    '--model=json=examples/digits/models/digits_tfjs',
  ]);
  for (const model of ['alone', 'grouped']) {
    const { predictions } = await predict(
      sidecar.rest,
      model,
      x.map((each) => [each]),
    );
    assert.deepEqual(predictions.flat().map(Math.fround), y);
  }
  assert.equal((await predict(sidecar.rest, 'json', [Array(64).fill(0)])).predictions.length, 1);
  assertTellsNobody(sidecar);
  assert.equal(await sidecar.stop(), 0);
  assert.deepEqual(sidecar.filesLeft(), []);
  assert.deepEqual(sidecar.asked, []);
});

async function predict(
  rest: string,
  model: string,
  instances: readonly (readonly number[])[],
): Promise<{ predictions: number[][] }> {
  const answer = await fetch(`${rest}/v1/models/${model}:predict`, {
    method: 'POST',
    body: JSON.stringify({ instances }),
  });
  assert.equal(answer.status, 200);
  return (await answer.json()) as { predictions: number[][] };
}
