/** A model on CUDA where there are no libraries for it, as on most machines: it is refused, and the others are served. */
import assert from 'node:assert/strict';
import process from 'node:process';
import { afterEach, describe, it } from 'node:test';
import { DIGITS, killSidecars, runPillion, startSidecar } from '../support/sidecar.ts';

const DIRECTORY = 'examples/digits/models/digits';
const NO_LIBRARIES = { PILLION_NATIVES_DIRECTORY: '/nonexistent/natives' };
const SAYS =
  /digits\/1\/model\.onnx": execution provider "cuda": CUDA cannot be used: its libraries are not on this machine \(there is no "\/nonexistent\/natives\/cuda-onnxruntime-[^"]*\/lib"\): run pillion natives cuda;.* or run the model on the cpu/;
const SCAN = JSON.stringify({ instances: [new Array<number>(64).fill(0)] });

afterEach(killSidecars);

describe('a model on CUDA', () => {
  it('is not loaded, and says why; the others are served, also in its place if they are its fallback', async () => {
    const models = [
      `--model=gpu=${DIRECTORY},provider=cuda,fallback=digits`,
      `--model=other=${DIRECTORY},provider=cuda`,
    ];
    const sidecar = await startSidecar([...DIGITS, ...models], NO_LIBRARIES);
    for (const model of ['gpu', 'other']) {
      const failed = await sidecar.line((line) => line['model'] === model && line.level === 'error');
      assert.match((failed['err'] as Error).message, SAYS);
    }
    const ask = (model: string) => fetch(`${sidecar.rest}/v1/models/${model}:predict`, { method: 'POST', body: SCAN });
    assert.deepEqual([(await ask('digits')).status, (await ask('gpu')).status], [200, 200]);
    assert.notEqual((await ask('other')).status, 200);
    assert.equal(await sidecar.stop(), 0);
  });

  it('is every model that says nothing else, with --execution_provider', async () => {
    const ports = ['--port=0', '--rest_api_port=0', '--admin_port=0'];
    for (const model of [DIGITS, ['--model_name=digits', `--model_base_path=${process.cwd()}/${DIRECTORY}`]]) {
      const refused = runPillion(['serve', '--execution_provider=cuda', ...model, ...ports], NO_LIBRARIES);
      assert.equal(await refused.exited, 1);
      assert.match(refused.output(), SAYS);
    }
    const served = await startSidecar(['--execution_provider=cuda', `${DIGITS[0]},provider=cpu`], NO_LIBRARIES);
    assert.equal(await served.stop(), 0);
  });

  it('cannot run in the server’s own process', async () => {
    const args = [`${DIGITS[0]},provider=cuda,host=thread`, '--port=0', '--rest_api_port=0', '--admin_port=0'];
    const refused = runPillion(['serve', ...args], NO_LIBRARIES);
    assert.equal(await refused.exited, 1);
    assert.match(refused.output(), /host thread was asked for, but backend "onnx" on cuda runs with host process only/);
  });
});
