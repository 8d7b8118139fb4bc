/** Loads and unloads by name, as front ends of Triton's protocol ask for them, on a whole server in this process. */

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { Facts } from '../../../../src/core/collections/facts.ts';
import { ServingError } from '../../../../src/core/errors.ts';
import {
  type ModelRepository,
  REPOSITORY,
} from '../../../../src/features/triton-repository/repository/model-repository.ts';
import { type Feature, FeatureList } from '../../../../src/kernel/feature.ts';
import { FEATURES } from '../../../../src/pillion.ts';
import { configOf } from '../../../support/config-files.ts';
import { appOf } from '../../../support/local-app.ts';
import { plusConfig, plusModel, TritonRepository } from '../../../support/triton-repository.ts';

const PORTS = ['--port=0', '--rest_api_port=0', '--admin_port=0', '--bind_address=127.0.0.1', '--log_level=silent'];

interface Controlled {
  readonly repository: ModelRepository;
  /** The first element of the answer to zeros; undefined = the model is not served. */
  ask(model: string): Promise<number | undefined>;
  /** The answer's JSON; undefined = it is empty. */
  post(path: string, body?: object): Promise<{ readonly status: number; readonly body: unknown }>;
}

async function start(t: TestContext, files: TritonRepository, ...args: readonly string[]): Promise<Controlled> {
  let facts: Facts | undefined;
  const spy: Feature = {
    name: 'spy',
    install: (server) => {
      facts = server.facts;
    },
  };
  const features = new FeatureList([...FEATURES.features, spy].map((feature) => ({ feature, adds: '' })));
  const app = appOf(configOf([`--model-repository=${files.directory}`, ...PORTS, ...args]), features);
  t.after(() => app.drain());
  const { rest } = await app.start();
  return {
    repository: facts!.get(REPOSITORY)!,
    async ask(model) {
      const url = `http://${rest[0]}/v1/models/${model}:predict`;
      const answer = await fetch(url, { method: 'POST', body: '{"inputs":[[0,0]]}' });
      const { outputs } = (await answer.json()) as { readonly outputs?: readonly (readonly number[])[] };
      return outputs?.[0]?.[0];
    },
    async post(path, body = {}) {
      const answer = await fetch(`http://${rest[0]}${path}`, { method: 'POST', body: JSON.stringify(body) });
      const text = await answer.text();
      return { status: answer.status, body: text === '' ? undefined : JSON.parse(text) };
    },
  };
}

const indexOf = async (repository: ModelRepository): Promise<readonly string[]> =>
  (await repository.index()).map(({ name, version, state, reason }) => `${name} ${version} ${state} ${reason}`.trim());

const EXPLICIT = '--model-control-mode=explicit';

describe('the model repository in the mode explicit', () => {
  it('loads and unloads models by name, and its index tells', async (t) => {
    const files = new TritonRepository(t);
    files.model('one', plusConfig('one'));
    files.model('two', plusConfig('two'));
    const { repository, ask } = await start(t, files, EXPLICIT, '--load-model=two');
    assert.deepEqual(await indexOf(repository), ['one undefined undefined', 'two 1 READY']);
    assert.equal(await ask('one'), undefined);
    await repository.load('one');
    assert.equal(await ask('one'), 1);
    await repository.unload('two');
    assert.equal(await ask('two'), undefined);
    files.model('three', plusConfig('three'), [3]);
    await repository.load('three');
    assert.equal(await ask('three'), 3);
    assert.deepEqual(await indexOf(repository), ['one 1 READY', 'three 3 READY', 'two 1 UNAVAILABLE unloaded']);
    await repository.load('two');
    assert.equal(await ask('two'), 1);
  });

  it('takes a new version, new files and a new config.pbtxt at the next load', async (t) => {
    const files = new TritonRepository(t);
    files.model('m', plusConfig('m'));
    const { repository, ask } = await start(t, files, EXPLICIT, '--load-model=*');
    files.publish('m', 2);
    await repository.load('m');
    assert.equal(await ask('m'), 2);
    files.write('m', '2/model.onnx', plusModel(20));
    await repository.load('m');
    assert.equal(await ask('m'), 20);
    files.write('m', 'config.pbtxt', plusConfig('m', 'max_batch_size: 8 version_policy { specific { versions: 1 } }'));
    await repository.load('m');
    assert.equal(await ask('m'), 1);
  });

  it('refuses what is in no repository, and keeps what serves when a load fails', async (t) => {
    const files = new TritonRepository(t);
    files.model('m', plusConfig('m'));
    const { repository, ask } = await start(t, files, EXPLICIT, '--load-model=m');
    for (const name of ['nothing', '..', '.', '', 'm/1', '/etc', '../m', 'm\0']) {
      const refused = (error: unknown): boolean => error instanceof ServingError && error.kind === 'model_not_found';
      await assert.rejects(repository.load(name), refused, name);
      await assert.rejects(repository.unload(name), refused, name);
    }
    files.write('m', 'config.pbtxt', 'max_batch_size: "8"');
    await assert.rejects(repository.load('m'), /config\.pbtxt:1:17: max_batch_size: wants a whole number/);
    assert.equal(await ask('m'), 1);
    files.write('m', 'config.pbtxt', plusConfig('m'));
    await repository.load('m');
    assert.equal(await ask('m'), 1);
  });

  it('keeps the order of loads and unloads of a name, however many come at once', async (t) => {
    const files = new TritonRepository(t);
    for (const name of ['a', 'b', 'c']) files.model(name, plusConfig(name));
    const { repository, ask } = await start(t, files, EXPLICIT);
    const work: Promise<unknown>[] = [];
    for (let i = 0; i < 5; i++) {
      for (const name of ['a', 'b', 'c']) work.push(repository.load(name), repository.unload(name));
    }
    await Promise.all([...work, repository.load('a'), repository.load('c')]);
    assert.deepEqual([await ask('a'), await ask('b'), await ask('c')], [1, undefined, 1]);
  });
});

describe('callers of the Open Inference Protocol', () => {
  it('load, unload and list the models of a repository by name', async (t) => {
    const files = new TritonRepository(t);
    files.model('one', plusConfig('one'));
    files.model('two', plusConfig('two'));
    const { post, ask } = await start(t, files, EXPLICIT, '--load-model=two');
    const states = async (): Promise<readonly string[]> => {
      const entries = (await post('/v2/repository/index')).body as readonly Readonly<Record<string, string>>[];
      return entries.map(({ name, version = '', state, reason = '' }) =>
        `${name} ${version} ${state} ${reason}`.trim(),
      );
    };
    assert.deepEqual(await states(), ['one  UNAVAILABLE it has not been loaded', 'two 1 READY']);
    assert.equal((await post('/v2/repository/models/one/load')).status, 200);
    assert.equal(await ask('one'), 1);
    assert.equal((await post('/v2/repository/models/two/unload')).status, 200);
    assert.equal(await ask('two'), undefined);
    assert.deepEqual(await states(), ['one 1 READY', 'two 1 UNAVAILABLE unloaded']);
    const unknown = await post('/v2/repository/models/nothing/load');
    assert.deepEqual(
      [unknown.status, unknown.body],
      [404, { error: 'failed to load \'nothing\', failed to poll from model repository: none has a model "nothing"' }],
    );
    const override = await post('/v2/repository/models/one/load', { parameters: { config: '{}' } });
    assert.equal(override.status, 501);
  });

  it('load and unload nothing in another mode', async (t) => {
    const files = new TritonRepository(t);
    files.model('m', plusConfig('m'));
    const { post, ask } = await start(t, files);
    for (const action of ['load', 'unload']) {
      const { status, body } = await post(`/v2/repository/models/m/${action}`);
      assert.equal(status, 501);
      assert.match((body as { readonly error: string }).error, /with --model_control_mode=explicit/);
    }
    assert.equal(await ask('m'), 1);
  });
});
