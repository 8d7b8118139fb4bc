/** A SavedModel in a Triton model repository, served by the real process. */
import assert from 'node:assert/strict';
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, it } from 'node:test';
import { killSidecars, startSidecar } from '../../../support/sidecar.ts';
import { plusConfig, TritonRepository } from '../../../support/triton-repository.ts';
import { FIXTURES } from '../tfjs-models.ts';

afterEach(killSidecars);

it('model.savedmodel of a repository is a SavedModel', async (t) => {
  const repository = new TritonRepository(t);
  const config = plusConfig('half', 'max_batch_size: 8 dynamic_batching { }', '1');
  repository.write('half', 'config.pbtxt', config.replace('onnxruntime_onnx', 'tensorflow_savedmodel'));
  const directory = join(repository.directory, 'half/1/model.savedmodel');
  cpSync(`${FIXTURES}/half_plus_two/1`, directory, { recursive: true });
  const { rest } = await startSidecar([`--model-repository=${repository.directory}`]);
  const answer = await fetch(`${rest}/v1/models/half:predict`, { method: 'POST', body: '{"inputs":[[2],[4]]}' });
  assert.deepEqual(await answer.json(), { outputs: [[3], [4]] });
});
