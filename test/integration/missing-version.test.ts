/** A served model of which no version is loaded: its requests count for it, and a name that is not served for none. */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { parseMetrics } from '../../src/cli/prometheus-text.ts';
import { DIGITS, killSidecars, startSidecar } from '../support/sidecar.ts';
import { tempDirectory } from '../support/temp-directory.ts';

after(killSidecars);

test('a model whose load has failed has its requests', async (t) => {
  const broken = tempDirectory(t);
  mkdirSync(join(broken, '1'));
  writeFileSync(join(broken, '1', 'model.onnx'), 'no model');
  const sidecar = await startSidecar([...DIGITS, `--model=broken=${broken}`, '--max_num_load_retries=0']);
  const statusOf = async (path: string, init: RequestInit = {}): Promise<number> => {
    const answer = await fetch(`${sidecar.rest}/v1/models/${path}`, init);
    await answer.arrayBuffer();
    return answer.status;
  };
  const predict = (path: string): Promise<number> =>
    statusOf(`${path}:predict`, { method: 'POST', body: '{"instances":[1]}' });
  assert.deepEqual(await Promise.all(['broken', 'digits/versions/9', 'unknown'].map(predict)), [404, 404, 404]);
  assert.equal(await statusOf('broken/metadata'), 404);

  const samples = parseMetrics(await (await fetch(`${sidecar.admin}/metrics`)).text());
  const counted = samples
    .get('pillion_request_duration_seconds_count')!
    .map(({ labels, value }) => `${labels['method']} '${labels['model']}' '${labels['version']}' ${value}`);
  assert.deepEqual(counted.sort(), [
    "GetModelMetadata 'broken' '' 1",
    "Predict '' '' 1",
    "Predict 'broken' '' 1",
    "Predict 'digits' '' 1",
  ]);
  await sidecar.stop();
});
