/** Loading and unloading over REST, with --model_control_mode=explicit. */
import assert from 'node:assert/strict';
import { after, it } from 'node:test';
import { DIGITS, killSidecars, type Sidecar, startSidecar } from '../../../support/sidecar.ts';

after(killSidecars);

interface Reply {
  readonly status: number;
  readonly text: string;
}

async function ask(sidecar: Sidecar, path: string, body?: string): Promise<Reply> {
  const post = body === undefined ? {} : { method: 'POST', body };
  const answer = await fetch(`${sidecar.rest}${path}`, post);
  return { status: answer.status, text: await answer.text() };
}

async function stateOf(sidecar: Sidecar): Promise<string> {
  const { text } = await ask(sidecar, '/v2/repository/index', '{}');
  const [digits] = JSON.parse(text) as { name: string; state: string }[];
  return digits!.state;
}

it('unloads a model and loads it again', async () => {
  const sidecar = await startSidecar([...DIGITS, '--model_control_mode=explicit']);
  const done = { status: 200, text: '' };
  assert.equal(await stateOf(sidecar), 'READY');
  assert.deepEqual(await ask(sidecar, '/v2/repository/models/digits/unload', ''), done);
  assert.equal((await ask(sidecar, '/v2/models/digits/ready')).status, 400);
  assert.notEqual(await stateOf(sidecar), 'READY');
  assert.deepEqual(await ask(sidecar, '/v2/repository/models/digits/load', '{"parameters":{}}'), done);
  assert.deepEqual(await ask(sidecar, '/v2/models/digits/ready'), done);
  assert.equal(await stateOf(sidecar), 'READY');
  assert.equal(await sidecar.stop(), 0);
});

it('loads nothing that a caller brings', async () => {
  const sidecar = await startSidecar([...DIGITS, '--model_control_mode=explicit']);
  const load = '/v2/repository/models/digits/load';
  for (const parameters of ['{"config":"{}"}', '{"file:1/model.onnx":"AAAA"}']) {
    const { status, text } = await ask(sidecar, load, `{"parameters":${parameters}}`);
    assert.equal(status, 501, text);
  }
  assert.equal((await ask(sidecar, load, '{"parameters":{"mine":1}}')).status, 400);
  assert.equal((await ask(sidecar, load, '{')).status, 400);
  assert.equal((await ask(sidecar, load, `{"x":"${'a'.repeat(200_000)}"}`)).status, 413);
  assert.equal((await ask(sidecar, '/v2/repository/models/nobody/load', '')).status, 404);
  assert.equal((await ask(sidecar, '/v2/models/digits/ready')).status, 200);
  assert.equal(await sidecar.stop(), 0);
});
