import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { create, type Message } from '@bufbuild/protobuf';
import { protoMessage } from '../../../src/codec/protobuf/proto-messages.ts';
import type { ModelConfig } from '../../../src/config/model-config.ts';
import { MODEL_SERVER_CONFIG } from '../../../src/config/model-server-config.ts';
import { ServingError } from '../../../src/core/errors.ts';
import { ReloadHandler } from '../../../src/features/reload/reload-handler.ts';

function configOf(models: readonly object[]): Message {
  const type = protoMessage(MODEL_SERVER_CONFIG);
  return create(type, { config: { case: 'modelConfigList', value: { config: models } } } as never);
}

const M = { name: 'm', basePath: '/models/m' };

class Puppet {
  readonly lists: (readonly ModelConfig[])[] = [];
  readonly log: string[] = [];
  readonly counters = new Map<string, number>([['requests_total', 5]]);
  reload: () => Promise<void> = async () => undefined;
  readonly handler = new ReloadHandler({
    reloader: {
      reload: (models) => {
        this.lists.push(models);
        return this.reload();
      },
    },
    counterTotal: async (name) => this.counters.get(name) ?? 0,
    defaults: { executionProvider: 'cpu' },
    limits: () => ({ runtimes: ['onnx'], modelRoots: ['/models'], writeRoots: () => ['/logs'] }),
    events: {
      onReloaded: (models) => this.log.push(`reloaded ${models.join()}`),
      onRefused: (error) => this.log.push(`refused ${error.kind}`),
      onWarning: (text) => this.log.push(text),
    },
  });
}

function isKind(kind: string, text: RegExp) {
  return (error: unknown) => error instanceof ServingError && error.kind === kind && text.test(error.message);
}

describe('ReloadHandler', () => {
  it('hands the list on and resolves when it is in force', async () => {
    const puppet = new Puppet();
    let end = (): void => undefined;
    const isAsked = new Promise<void>((asked) => {
      puppet.reload = () =>
        new Promise((resolve) => {
          end = resolve;
          asked();
        });
    });
    const reloading = puppet.handler.reload({ config: configOf([M]), metricNames: [] });
    await isAsked;
    assert.deepEqual(puppet.log, []);
    end();
    assert.deepEqual(await reloading, []);
    assert.deepEqual(
      puppet.lists[0]!.map(({ name, basePath }) => [name, basePath]),
      [['m', '/models/m']],
    );
    assert.deepEqual(puppet.log, ['reloaded m']);
  });

  it('takes an empty list: serve nothing', async () => {
    const puppet = new Puppet();
    await puppet.handler.reload({ config: configOf([]), metricNames: [] });
    assert.deepEqual(puppet.lists, [[]]);
  });

  it('changes nothing when the list is wrong, and says all that is', async () => {
    const puppet = new Puppet();
    const wrong = configOf([{ name: 'm', basePath: 'm' }, M]);
    await assert.rejects(
      puppet.handler.reload({ config: wrong, metricNames: [] }),
      isKind('invalid_request', /config\[0\].base_path: model "m": base_path wants an absolute path.*; .*given twice/),
    );
    assert.deepEqual([puppet.lists, puppet.log], [[], ['refused invalid_request']]);
  });

  it('changes nothing when the list names what only the server’s own configuration may', async () => {
    const puppet = new Puppet();
    const reload = (model: object) => puppet.handler.reload({ config: configOf([model]), metricNames: [] });
    await assert.rejects(
      reload({ ...M, modelPlatform: 'data:text/javascript,1' }),
      isKind(
        'invalid_request',
        /model "m": there is no runtime "data:text\/javascript,1"; use one of onnx\..*nothing was changed$/,
      ),
    );
    await assert.rejects(
      reload({ name: 'm', basePath: '/etc/m' }),
      isKind(
        'invalid_request',
        /base_path "\/etc\/m" is not allowed: allowed is what lies under \/models; --model_roots/,
      ),
    );
    assert.deepEqual(puppet.lists, []);
    await reload({ ...M, modelPlatform: 'onnx' });
    assert.equal(puppet.lists.length, 1);
  });

  it('refuses what is no list of models', async () => {
    const { handler } = new Puppet();
    const custom = create(protoMessage(MODEL_SERVER_CONFIG), {
      config: { case: 'customModelConfig', value: {} },
    } as never);
    const none = create(protoMessage(MODEL_SERVER_CONFIG));
    for (const config of [undefined, custom, none]) {
      await assert.rejects(handler.reload({ config, metricNames: [] }), isKind('invalid_request', /model_config_list/));
    }
  });

  it('passes on why the reloader refused', async () => {
    const puppet = new Puppet();
    puppet.reload = async () => Promise.reject(new ServingError('load_failed', 'no version 7'));
    const refused = puppet.handler.reload({ config: configOf([M]), metricNames: [] });
    await assert.rejects(refused, isKind('load_failed', /no version 7/));
    assert.deepEqual(puppet.log, ['refused load_failed']);
  });

  it('tells by how much counters grew, each once, and 0 of what is none', async () => {
    const puppet = new Puppet();
    puppet.reload = async () => void puppet.counters.set('requests_total', 12);
    const metricNames = ['requests_total', ':tensorflow:serving:nothing', 'requests_total'];
    assert.deepEqual(await puppet.handler.reload({ config: configOf([M]), metricNames }), [
      { name: 'requests_total', increase: 7 },
      { name: ':tensorflow:serving:nothing', increase: 0 },
    ]);
    const many = Array.from({ length: 101 }, (_, i) => `m${i}`);
    await assert.rejects(
      puppet.handler.reload({ config: configOf([M]), metricNames: many }),
      /101 metric_names are too many/,
    );
  });
});
