/** Lists of models that change while the real process serves: by the file, and over gRPC. */
import assert from 'node:assert/strict';
import { renameSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { ConfigFiles } from '../support/config-files.ts';
import { killSidecars, startSidecar } from '../support/sidecar.ts';

const DIGITS = resolve('examples/digits/models/digits');
const HALF = resolve('examples/half_plus_two/models/half_plus_two');
const POLL = '--model_config_file_poll_wait_seconds=1';

const listOf = (models: Readonly<Record<string, string>>): string =>
  `model_config_list { ${Object.entries(models)
    .map(([name, path]) => `config { name: "${name}" base_path: "${path}" }`)
    .join(' ')} }`;

const statusOf = async (rest: string, model: string): Promise<number> =>
  (await fetch(`${rest}/v1/models/${model}`)).status;

afterEach(killSidecars);

describe('the list of models', () => {
  it('follows the file: new models come, those that are gone leave', async (t) => {
    const files = new ConfigFiles(t);
    const path = files.write('models.config', listOf({ half: HALF }));
    const sidecar = await startSidecar([`--model_config_file=${path}`, POLL]);
    renameSync(files.write('next', listOf({ digits: DIGITS, half: HALF })), path);
    await sidecar.line((line) => line.event === 'models_reload' && line.level === 'info');
    assert.equal(await statusOf(sidecar.rest, 'digits'), 200);
    writeFileSync(path, listOf({ digits: DIGITS }));
    await sidecar.line((line) => line.event === 'models_reload' && String(line['models']) === 'digits');
    assert.equal(await statusOf(sidecar.rest, 'half'), 404);
    assert.equal(await sidecar.stop(), 0);
  });

  it('follows HandleReloadConfigRequest', async () => {
    const sidecar = await startSidecar([`--model=half=${HALF}`]);
    const definition = loadSync('tensorflow_serving/apis/model_service.proto', {
      includeDirs: ['proto'],
      keepCase: true,
    });
    // biome-ignore lint/suspicious/noExplicitAny: proto-loader clients have no types.
    const { ModelService } = (grpc.loadPackageDefinition(definition) as any).tensorflow.serving;
    const client = new ModelService(sidecar.grpc, grpc.credentials.createInsecure());
    const config = { model_config_list: { config: [{ name: 'digits', base_path: DIGITS }] } };
    await new Promise<void>((done, failed) =>
      client.HandleReloadConfigRequest({ config }, (error: Error | null) => (error === null ? done() : failed(error))),
    );
    client.close();
    assert.equal(await statusOf(sidecar.rest, 'digits'), 200);
    assert.equal(await sidecar.stop(), 0);
  });
});
