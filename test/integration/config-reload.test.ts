/** Lists of models that change while the real process serves: by the file, and over gRPC. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { afterEach, describe, it } from 'node:test';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { ConfigFiles } from '../support/config-files.ts';
import { hasFeature } from '../support/has-feature.ts';
import { killSidecars, runPillion, startSidecar } from '../support/sidecar.ts';

const EXAMPLES = resolve('examples');
const DIGITS = resolve('examples/digits/models/digits');
const HALF = resolve('examples/half_plus_two/models/half_plus_two');
const POLL = '--model_config_file_poll_wait_seconds=1';

const listOf = (models: Readonly<Record<string, string>>): string =>
  `model_config_list { ${Object.entries(models)
    .map(([name, path]) => `config { name: "${name}" base_path: "${path}" }`)
    .join(' ')} }`;

/** 200 for a model that is served, else 404. */
const statusOf = async (rest: string, model: string): Promise<number> =>
  (await fetch(`${rest}/v1/models/${model}/metadata`)).status;

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
    // The new list does not wait until the old model is closed.
    await sidecar.line((line) => line['model'] === 'half' && line['state'] === 'END');
    const { model_version_status: ended } = (await (await fetch(`${sidecar.rest}/v1/models/half`)).json()) as {
      readonly model_version_status: readonly { readonly state: string }[];
    };
    assert.deepEqual(
      ended.map(({ state }) => state),
      ['END'],
    );
    assert.equal(await sidecar.stop(), 0);
  });

  it('is refused as a whole where it names an unknown platform, or changes one', async (t) => {
    const files = new ConfigFiles(t);
    const path = files.write('models.config', listOf({ half: HALF }));
    const sidecar = await startSidecar([`--model_config_file=${path}`]);
    const platform = (name: string): string =>
      `model_config_list { config { name: "half" base_path: "${HALF}" model_platform: "${name}" } }`;
    for (const [list, reason] of [
      [platform('tensorrt_plan'), /has the platform "tensorflow", which cannot change to "tensorrt_plan"/],
      [platform('onnx'), /has the platform "tensorflow", which cannot change to "onnx"; list it as "tensorflow"/],
      [
        listOf({ digits: DIGITS }).replace('base_path', 'model_platform: "tensorrt_plan" base_path'),
        /"tensorrt_plan" is not built in/,
      ],
    ] as const) {
      writeFileSync(path, list);
      sidecar.process.kill('SIGHUP');
      const refused = await sidecar.line(
        ({ event, level, ...rest }) => level === 'error' && reason.test(JSON.stringify(rest).replaceAll('\\"', '"')),
      );
      assert.match(JSON.stringify(refused), /nothing was changed/);
      assert.equal(await statusOf(sidecar.rest, 'half'), 200);
    }
    assert.equal(await sidecar.stop(), 0);
  });

  it('is read anew on SIGHUP, without polls', async (t) => {
    const files = new ConfigFiles(t);
    const path = files.write('models.config', listOf({ half: HALF }));
    const sidecar = await startSidecar([`--model_config_file=${path}`, '--drain_delay_ms=600000']);
    writeFileSync(path, listOf({ digits: DIGITS }));
    sidecar.process.kill('SIGHUP');
    await sidecar.line((line) => line.event === 'models_reload' && String(line['models']) === 'digits');
    assert.equal(await statusOf(sidecar.rest, 'digits'), 200);
    assert.equal(await statusOf(sidecar.rest, 'half'), 404);
    writeFileSync(path, 'no list');
    for (let i = 1; i <= 2; i++) {
      sidecar.process.kill('SIGHUP');
      // Told each time it is asked for.
      const isTold = (): boolean => sidecar.lines.filter(({ level }) => level === 'error').length === i;
      await sidecar.line(isTold);
    }
    assert.equal(await statusOf(sidecar.rest, 'digits'), 200);
    sidecar.process.kill('SIGTERM');
    await sidecar.line(({ event }) => event === 'ending');
    sidecar.process.kill('SIGHUP');
    await sidecar.line(({ msg }) => msg === 'SIGHUP is ignored: the server ends');
    assert.equal(await statusOf(sidecar.rest, 'digits'), 200);
  });

  it('is no file: SIGHUP is ignored, also while the models load', async (t) => {
    const files = new ConfigFiles(t);
    const missing = resolve(files.write('here', ''), '..', 'missing');
    const free = ['--port=0', '--rest_api_port=0', '--admin_port=0', '--bind_address=127.0.0.1'];
    const waiting = runPillion(['serve', ...free, `--model=half=${missing}`]);
    await waiting.line(({ event }) => event === 'listening');
    waiting.process.kill('SIGHUP');
    await waiting.line(({ msg }) => msg === 'SIGHUP is ignored: the models of the start still load');
    assert.equal(await waiting.stop(), 0);
    const sidecar = await startSidecar([`--model=half=${HALF}`]);
    sidecar.process.kill('SIGHUP');
    await sidecar.line(({ msg }) => msg?.includes('no file lists the models') === true);
    assert.equal(await statusOf(sidecar.rest, 'half'), 200);
    assert.equal(await sidecar.stop(), 0);
  });

  it('follows HandleReloadConfigRequest where the server allows it', async () => {
    const sidecar = await startSidecar([`--model=half=${HALF}`, '--enable_reload_rpc', `--model_roots=${EXAMPLES}`]);
    await withReloads(sidecar.grpc, async (reload) => reload([{ name: 'digits', base_path: DIGITS }]));
    assert.equal(await statusOf(sidecar.rest, 'digits'), 200);
    assert.equal(await statusOf(sidecar.rest, 'half'), 404);
    assert.equal(await sidecar.stop(), 0);
  });

  it('is not changed by HandleReloadConfigRequest as the server is delivered', async () => {
    const sidecar = await startSidecar([`--model=half=${HALF}`]);
    await withReloads(sidecar.grpc, async (reload) => {
      const refused = { code: grpc.status.UNIMPLEMENTED, details: /start the server with --enable_reload_rpc/ };
      await assert.rejects(reload([]), refused);
      await assert.rejects(reload([{ name: 'digits', base_path: DIGITS }]), refused);
    });
    assert.equal(await statusOf(sidecar.rest, 'half'), 200);
    assert.equal(await sidecar.stop(), 0);
  });

  it('never runs code, reads or writes where the server’s own configuration does not allow it', async (t) => {
    const files = new ConfigFiles(t);
    const ran = join(files.directory, 'ran');
    const outside = join(files.directory, 'outside');
    const link = join(files.directory, 'models', 'link');
    mkdirSync(join(files.directory, 'models'));
    symlinkSync(dirname(DIGITS), link);
    symlinkSync(outside, join(files.directory, 'models', 'dangling'));
    const own = join(files.directory, 'models', 'half');
    cpSync(HALF, own, { recursive: true });
    const log = join(files.directory, 'logs', 'half');
    const hasLogs = hasFeature('request-logs');
    const sidecar = await startSidecar([`--model=half=${own}${hasLogs ? `,log=${log}` : ''}`, '--enable_reload_rpc']);
    const code = `import { writeFileSync } from 'node:fs'; writeFileSync(${JSON.stringify(ran)}, ''); export const backend = {};`;
    const script = files.write('plug-in.mjs', code);
    const half = { name: 'half', base_path: own };
    const logged = (filename_prefix: string): object => ({
      ...half,
      logging_config: { log_collector_config: { filename_prefix }, sampling_config: { sampling_rate: 1 } },
    });
    const hostile: readonly (readonly [object, RegExp])[] = [
      [{ ...half, model_platform: `data:text/javascript,${code}` }, /there is no runtime "data:text/],
      [{ ...half, model_platform: script }, /there is no runtime/],
      [{ ...half, model_platform: `file://${script}` }, /there is no runtime/],
      [{ name: 'half', base_path: DIGITS }, /base_path ".*digits" is not allowed: allowed is what lies under/],
      [{ name: 'half', base_path: `${own}/../../plug-in.mjs` }, /not an absolute path without "\.\."/],
      [{ name: 'half', base_path: `${link}/digits` }, /is not allowed/],
      [{ name: 'half', base_path: join(files.directory, 'models', 'dangling') }, /cannot be looked up: ENOENT/],
      [{ name: 'half', base_path: `${own}\0` }, /cannot be looked up/],
      [{ name: 'half', base_path: `${own}${'/a'.repeat(4000)}` }, /base_path has more than 4095 bytes/],
    ];
    const hostileLogs: typeof hostile = [
      [logged(join(outside, 'requests')), /filename_prefix ".*requests" is not allowed/],
      [logged(`${dirname(log)}/../requests`), /not an absolute path without/],
      [logged(`${dirname(log)}/`), /filename_prefix ".*logs\/" is not allowed/],
    ];
    await withReloads(sidecar.grpc, async (reload) => {
      for (const [model, details] of [...hostile, ...(hasLogs ? hostileLogs : [])]) {
        await assert.rejects(reload([model]), { code: grpc.status.INVALID_ARGUMENT, details }, String(details));
        assert.equal(await statusOf(sidecar.rest, 'half'), 200);
      }
      await reload([{ ...half, name: 'again' }, hasLogs ? logged(join(dirname(log), 'more', 'requests')) : half]);
    });
    assert.equal(await statusOf(sidecar.rest, 'again'), 200);
    for (const path of [ran, outside]) assert.equal(existsSync(path), false, path);
    assert.equal(await sidecar.stop(), 0);
  });
});

type Reload = (models: readonly object[]) => Promise<void>;

/** Calls `use` with a client's HandleReloadConfigRequest, and closes the client. */
async function withReloads(address: string, use: (reload: Reload) => Promise<void>): Promise<void> {
  const definition = loadSync('tensorflow_serving/apis/model_service.proto', {
    includeDirs: ['proto'],
    keepCase: true,
  });
  // biome-ignore lint/suspicious/noExplicitAny: proto-loader clients have no types.
  const { ModelService } = (grpc.loadPackageDefinition(definition) as any).tensorflow.serving;
  const client = new ModelService(address, grpc.credentials.createInsecure());
  try {
    await use(
      (config) =>
        new Promise((done, failed) => {
          const request = { config: { model_config_list: { config } } };
          const answer = (error: Error | null): void => (error === null ? done() : failed(error));
          client.HandleReloadConfigRequest(request, answer);
        }),
    );
  } finally {
    client.close();
  }
}
