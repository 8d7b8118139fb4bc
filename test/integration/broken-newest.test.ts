/** A restart finds that the newest version is broken: the one before it, which was served until now, goes on. */

import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, it, type TestContext } from 'node:test';
import { configOf } from '../support/config-files.ts';
import { appOf } from '../support/local-app.ts';
import { killSidecars, startSidecar } from '../support/sidecar.ts';
import { tempDirectory } from '../support/temp-directory.ts';
import { leaf, xgboostModel } from '../support/tree-models.ts';
import { plusConfig, plusModel, TritonRepository } from '../support/triton-repository.ts';

after(killSidecars);

const ARGS = ['--port=0', '--rest_api_port=0', '--admin_port=0', '--bind_address=127.0.0.1', '--log_level=silent'];

/** A base path whose versions, from 1, have this file with these contents. */
function publish(t: TestContext, file: string, ...contents: readonly (string | Uint8Array)[]): string {
  const base = tempDirectory(t);
  for (const [i, content] of contents.entries()) {
    mkdirSync(join(base, String(i + 1)));
    writeFileSync(join(base, String(i + 1), file), content);
  }
  return base;
}

/** The states of the model's versions, "2 END", and whether the server is ready; rejects if it does not start. */
async function start(t: TestContext, ...args: readonly string[]) {
  const app = appOf(configOf([...args, ...ARGS]));
  t.after(() => app.drain());
  const { rest } = await app.start();
  const states = async (): Promise<readonly string[]> => {
    const answer = await fetch(`http://${rest[0]}/v1/models/m`);
    const { model_version_status: versions } = (await answer.json()) as {
      readonly model_version_status: readonly { readonly version: string; readonly state: string }[];
    };
    return versions.map(({ version, state }) => `${version} ${state}`);
  };
  const isReady = (await fetch(`http://${rest[0]}/v2/health/ready`)).status === 200;
  return { states: await states(), isReady };
}

const SERVED = { states: ['2 END', '1 AVAILABLE'], isReady: true };

describe('a start with a broken newest version serves the one before it', () => {
  for (const [file, whole, broken] of [
    ['model.onnx', plusModel(1), 'no model'],
    ['model.json', JSON.stringify(xgboostModel({ trees: [leaf(0.5)] })), '{}'],
  ] as const) {
    it(file, async (t) => {
      assert.deepEqual(await start(t, `--model=m=${publish(t, file, whole, broken)}`), SERVED);
    });
  }

  it('a model behind another server', async (t) => {
    const other = appOf(configOf([`--model=m=${publish(t, 'model.onnx', plusModel(1))}`, ...ARGS]));
    t.after(() => other.drain());
    const { grpc } = await other.start();
    const base = publish(t, 'remote.yaml', `address: ${grpc[0]}\nmodel: m\n`, 'address: [');
    assert.deepEqual(await start(t, `--model=m=${base}`), SERVED);
  });

  it('in a model repository, as strict as Triton’s own server', async (t) => {
    const repository = new TritonRepository(t);
    repository.model('m', plusConfig('m'));
    repository.write('m', '2/model.onnx', 'no model');
    const strict = ['--strict-readiness=true', '--exit-on-error=true'];
    assert.deepEqual(await start(t, `--model-repository=${repository.directory}`, ...strict), SERVED);
  });

  it('but fails where the version is named by its number', async (t) => {
    const base = publish(t, 'model.onnx', plusModel(1), 'no model');
    const list = join(tempDirectory(t), 'models.config');
    const policy = 'model_version_policy { specific { versions: 1 versions: 2 } }';
    writeFileSync(list, `model_config_list { config { name: "m" base_path: "${base}" ${policy} } }`);
    await assert.rejects(start(t, `--model_config_file=${list}`), /version 2|model\.onnx/);
  });
});

it('a restarted process says what is broken, and serves it once it is mended', async (t) => {
  const base = publish(t, 'model.onnx', plusModel(1), 'no model');
  const sidecar = await startSidecar([`--model=m=${base}`]);
  const failed = sidecar.lines.find(({ msg }) => msg === 'model version failed to load');
  assert.deepEqual([failed?.level, failed?.['version']], ['error', '2']);
  const ask = async (): Promise<unknown> => {
    const body = '{"instances":[[0,0]]}';
    const answer = await fetch(`${sidecar.rest}/v1/models/m:predict`, { method: 'POST', body });
    return answer.json();
  };
  assert.deepEqual(await ask(), { predictions: [[1, 1]] });
  writeFileSync(join(base, '2', 'model.onnx'), plusModel(2));
  await sidecar.line(({ version, state }) => version === '2' && state === 'AVAILABLE');
  assert.deepEqual(await ask(), { predictions: [[2, 2]] });
  assert.equal(await sidecar.stop(), 0);
});
