/** Loading and unloading by request, on a whole server: only with --model_control_mode=explicit. */

import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { credentials, type ServiceError, status as Status } from '@grpc/grpc-js';
import type { App } from '../../../../src/kernel/assembly/app.ts';
import { readConfig } from '../../../support/config-files.ts';
import { ENGINE_NAMES, engineFlags } from '../../../support/engine-names.ts';
import { type Answer, clientClass, INFERENCE } from '../../../support/grpc-harness.ts';
import { hasFeature } from '../../../support/has-feature.ts';
import { appOf } from '../../../support/local-app.ts';
import { DIGITS } from '../../../support/sidecar.ts';

const PIXELS = { name: 'pixels', datatype: 'FP32', shape: [1, 64], contents: { fp32_contents: Array(64).fill(0) } };

for (const engine of ENGINE_NAMES) {
  describe(`a server whose callers may load and unload, engine ${engine}`, () => {
    const directory = mkdtempSync(join(tmpdir(), 'pillion-repository-'));
    const audit = join(directory, 'audit.log');
    let app: App;
    let client: Answer;

    before(async () => {
      const args = [
        ...DIGITS,
        ...['--port=0', '--rest_api_port=0', '--admin_port=0', '--bind_address=127.0.0.1', '--log_level=silent'],
        ...[
          '--model_control_mode=explicit',
          ...engineFlags(engine),
          ...(hasFeature('audit') ? [`--audit_log_file=${audit}`] : []),
        ],
      ];
      const { config, errors } = readConfig(args);
      assert.deepEqual(errors, undefined);
      app = appOf(config!);
      const { grpc } = await app.start();
      client = new (clientClass(INFERENCE))(grpc[0]!, credentials.createInsecure());
    });

    after(async () => {
      client.close();
      await app.drain();
      rmSync(directory, { recursive: true });
    });

    const call = (method: string, request: object): Promise<Answer> =>
      new Promise((resolve, reject) => {
        client[method](request, (error: ServiceError | null, answer: Answer) =>
          error === null ? resolve(answer) : reject(error),
        );
      });
    const failure = async (method: string, request: object): Promise<ServiceError> => {
      try {
        await call(method, request);
      } catch (error) {
        return error as ServiceError;
      }
      throw new Error(`${method} did not fail`);
    };
    const infer = (): Promise<Answer> => call('ModelInfer', { model_name: 'digits', inputs: [PIXELS] });

    it('unloads a model, and loads it again', async () => {
      await infer();
      await call('RepositoryModelUnload', { model_name: 'digits' });
      assert.deepEqual(await call('ModelReady', { name: 'digits' }), { ready: false });
      const [entry] = (await call('RepositoryIndex', {})).models;
      assert.deepEqual([entry.name, entry.version], ['digits', '1']);
      assert.notEqual(entry.state, 'READY');
      assert.equal((await failure('ModelInfer', { model_name: 'digits', inputs: [PIXELS] })).code, Status.NOT_FOUND);
      await call('RepositoryModelLoad', { model_name: 'digits' });
      assert.deepEqual(await call('ModelReady', { name: 'digits' }), { ready: true });
      assert.deepEqual((await call('RepositoryIndex', { ready: true })).models, [
        { name: 'digits', version: '1', state: 'READY', reason: '' },
      ]);
      await infer();
      // It is served: there is nothing to do.
      await call('RepositoryModelLoad', { model_name: 'digits' });
    });

    it('takes KServe’s form, which has the name in another field', async () => {
      await call('RepositoryModelUnload', { repository_name: 'digits' });
      assert.deepEqual(await call('ModelReady', { name: 'digits' }), { ready: false });
      await call('RepositoryModelLoad', { repository_name: 'digits' });
      assert.deepEqual(await call('ModelReady', { name: 'digits' }), { ready: true });
    });

    it('takes nothing from its callers but the name of a configured model', async () => {
      const parameter = (name: string, value: object): object => ({
        model_name: 'digits',
        parameters: { [name]: value },
      });
      for (const [request, code, text] of [
        [
          parameter('config', { string_param: '{}' }),
          Status.UNIMPLEMENTED,
          /"config": a model's files and configuration/,
        ],
        [
          parameter('file:1/model.onnx', { bytes_param: Buffer.alloc(1) }),
          Status.UNIMPLEMENTED,
          /"file:1\/model\.onnx"/,
        ],
        [parameter('speed', { bool_param: true }), Status.INVALID_ARGUMENT, /"speed" is not known here; leave it out/],
        [
          { repository_name: 'r', model_name: 'digits' },
          Status.UNIMPLEMENTED,
          /^'repository_name' specification is not supported/,
        ],
        [{ model_name: 'other' }, Status.NOT_FOUND, /no model "other"/],
        [{ model_name: '../digits' }, Status.NOT_FOUND, /no model "\.\.\/digits"/],
        [{}, Status.NOT_FOUND, /Request for unknown model: '' is not found/],
      ] as const) {
        const error = await failure('RepositoryModelLoad', request);
        assert.equal(error.code, code, error.details);
        assert.match(error.details, text);
      }
      await call('RepositoryModelUnload', parameter('unload_dependents', { bool_param: true }));
      await call('RepositoryModelLoad', { model_name: 'digits' });
    });

    it('tells its own metadata and statistics', async () => {
      const before = (await call('ModelStatistics', { name: 'digits' })).model_stats[0];
      await infer();
      const { inference_count, inference_stats, batch_stats } = (await call('ModelStatistics', { name: 'digits' }))
        .model_stats[0];
      assert.equal(Number(inference_count), Number(before.inference_count) + 1);
      assert.ok(Number(inference_stats.compute_infer.ns) > 0);
      assert.ok(batch_stats.some(({ batch_size }: Answer) => batch_size === '1'));
      const { config } = await call('ModelConfig', { name: 'digits' });
      assert.deepEqual([config.backend, config.platform], ['onnxruntime', 'onnxruntime_onnx']);
      assert.ok(config.max_batch_size > 1);
    });

    it('has each change in the audit log', { skip: !hasFeature('audit') }, async () => {
      // Its lines are written behind the answers, and all of them before the end.
      await app.drain();
      const lines = readFileSync(audit, 'utf8').trim().split('\n');
      const told = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
      const count = (method: string, outcome: string): number =>
        told.filter((line) => line['method'] === method && line['outcome'] === outcome).length;
      assert.deepEqual([count('RepositoryModelUnload', 'done'), count('RepositoryModelLoad', 'done')], [3, 4]);
      assert.equal(count('RepositoryModelLoad', 'failed'), 2);
      assert.ok(told.every(({ model }) => typeof model === 'string'));
    });
  });
}
