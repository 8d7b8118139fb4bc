/** The operations on a model repository, above a manager whose loads end when the test says so. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { ServingError } from '../../../src/core/errors.ts';
import { readRepositories } from '../../../src/features/triton-repository/config/read-repository.ts';
import {
  ModelRepository,
  type RepositoryMode,
} from '../../../src/features/triton-repository/repository/model-repository.ts';
import { ModelManager } from '../../../src/models/lifecycle/model-manager.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { FakeFiles, PuppetLoads } from '../../support/model-lifecycle-harness.ts';
import { plusConfig, TritonRepository } from '../../support/triton-repository.ts';
import { turn } from '../../support/turns.ts';

const DEFAULTS = { executionProvider: 'cpu' };

class Harness {
  readonly files: TritonRepository;
  readonly versions = new FakeFiles();
  readonly loads = new PuppetLoads();
  readonly warnings: string[] = [];
  readonly failures: string[] = [];
  readonly manager: ModelManager;
  readonly repository: ModelRepository;

  constructor(t: TestContext, mode: RepositoryMode, names: readonly string[]) {
    this.files = new TritonRepository(t);
    for (const name of names) this.add(name);
    const content = readRepositories([this.files.directory], DEFAULTS);
    const clock = new FakeClock();
    this.manager = new ModelManager({
      models: mode === 'explicit' ? [] : content.models.map(({ model }) => model),
      load: this.loads.load,
      clock,
      files: this.versions,
      pollIntervalMs: 0,
      isOneByOne: true,
      loadThreads: 2,
    });
    const started = mode === 'explicit' ? [] : content.models;
    const warned = [...content.problems, ...started.flatMap(({ warnings }) => warnings)];
    this.repository = new ModelRepository({
      ...{ directories: [this.files.directory], mode, pollMs: 1000, named: [], warned, defaults: DEFAULTS, clock },
      manager: this.manager,
      events: {
        onWarning: (text) => this.warnings.push(text),
        onFailed: (model, error) => this.failures.push(`${model}: ${(error as Error).message}`),
      },
    });
  }

  add(name: string, config = plusConfig(name)): void {
    this.files.write(name, 'config.pbtxt', config);
    this.versions.put(join(this.files.directory, name), 1n);
  }

  remove(name: string): void {
    rmSync(join(this.files.directory, name), { recursive: true });
  }

  async index(): Promise<readonly string[]> {
    return (await this.repository.index()).map(({ name, version = '-', state = '-' }) => `${name} ${version} ${state}`);
  }

  /** Until the disk has been read. */
  async settle(): Promise<void> {
    for (let i = 0; i < 20; i++) await turn();
  }
}

describe('the index', () => {
  it('has each state of a version', async (t) => {
    const harness = new Harness(t, 'explicit', ['a', 'b']);
    assert.deepEqual(await harness.index(), ['a - -', 'b - -']);
    harness.loads.isHolding = true;
    const loading = harness.repository.load('a');
    while (harness.loads.pending.length === 0) await turn();
    assert.deepEqual(await harness.index(), ['a 1 LOADING', 'b - -']);
    await harness.loads.finish('a/1');
    await loading;
    assert.deepEqual(await harness.index(), ['a 1 READY', 'b - -']);
    const handle = harness.manager.acquire('a', {});
    await harness.repository.unload('a');
    assert.deepEqual(await harness.index(), ['a 1 UNLOADING', 'b - -']);
    handle.release();
    await turn();
    const [a] = await harness.repository.index();
    assert.deepEqual(a, { name: 'a', version: 1n, state: 'UNAVAILABLE', reason: 'unloaded' });
  });

  it('has the reason of a load that failed', async (t) => {
    const harness = new Harness(t, 'explicit', ['a']);
    harness.loads.failFromNow('a/1', new ServingError('load_failed', 'it is no model'));
    await assert.rejects(harness.repository.load('a'), /it is no model/);
    const [a] = await harness.repository.index();
    assert.deepEqual(a, { name: 'a', version: 1n, state: 'UNAVAILABLE', reason: 'it is no model' });
    harness.loads.failFromNow('a/1', undefined);
    await harness.repository.load('a');
    assert.deepEqual(await harness.index(), ['a 1 READY']);
  });

  it('has the reason of a model without a version', async (t) => {
    const harness = new Harness(t, 'explicit', []);
    harness.files.write('empty', 'config.pbtxt', plusConfig('empty'));
    harness.versions.makePath(join(harness.files.directory, 'empty'));
    await assert.rejects(harness.repository.load('empty'), /holds no numbered version directory/);
    const [empty] = await harness.repository.index();
    assert.equal(empty!.state, 'UNAVAILABLE');
    assert.match(empty!.reason, /holds no numbered version directory/);
  });
});

it('an ensemble’s version needs no file', async (t) => {
  const harness = new Harness(t, 'explicit', []);
  harness.files.write('all', 'config.pbtxt', 'ensemble_scheduling { step { model_name: "a" } }');
  const directory = join(harness.files.directory, 'all');
  harness.versions.put(directory, 1n, { files: 0, changedAtMs: 0 });
  await harness.repository.load('all');
  assert.deepEqual(await harness.index(), ['all 1 READY']);
});

describe('loads and unloads', () => {
  it('of different names do not wait for one another', async (t) => {
    const harness = new Harness(t, 'explicit', ['slow', 'quick']);
    harness.loads.isHolding = true;
    const slow = harness.repository.load('slow');
    while (!harness.loads.pending.includes('slow/1')) await turn();
    harness.loads.isHolding = false;
    await harness.repository.load('quick');
    assert.deepEqual(await harness.index(), ['quick 1 READY', 'slow 1 LOADING']);
    await harness.loads.finish('slow/1');
    await slow;
  });

  it('of an ensemble take its models along where that is asked for, but not those that are needed or were named', async (t) => {
    const harness = new Harness(t, 'explicit', ['a', 'b', 'c']);
    const ensemble = (...models: readonly string[]): string =>
      `ensemble_scheduling { ${models.map((name) => `step { model_name: "${name}" }`).join(' ')} }`;
    harness.add('all', ensemble('a', 'b', 'inner'));
    harness.add('inner', ensemble('c'));
    harness.add('other', ensemble('b'));
    for (const name of ['a', 'all', 'other']) await harness.repository.load(name);
    assert.deepEqual([...harness.manager.modelNames].sort(), ['a', 'all', 'b', 'c', 'inner', 'other']);
    const mayUnload = (name: string): boolean => name !== 'a';
    const unloaded = await harness.repository.unload('all', { unloadDependents: true, mayUnload });
    assert.deepEqual([...unloaded].sort(), ['c', 'inner']);
    assert.deepEqual([...harness.manager.modelNames].sort(), ['a', 'b', 'other']);
    assert.deepEqual([...(await harness.repository.load('all'))].sort(), ['c', 'inner']);
    await harness.repository.unload('all', { unloadDependents: true });
    assert.deepEqual([...harness.manager.modelNames].sort(), ['a', 'b', 'other']);
    await harness.repository.unload('other');
    assert.deepEqual([...harness.manager.modelNames].sort(), ['a', 'b']);
  });

  it('by name count in their order: a model that is loaded again behind its unload stays without its ensemble', async (t) => {
    const harness = new Harness(t, 'explicit', ['a']);
    harness.add('all', 'ensemble_scheduling { step { model_name: "a" } }');
    await harness.repository.load('all');
    await Promise.all([harness.repository.unload('a'), harness.repository.load('a')]);
    assert.deepEqual(await harness.repository.unload('all', { unloadDependents: true }), []);
  });

  it('tell once what has no effect', async (t) => {
    const harness = new Harness(t, 'explicit', []);
    harness.add('a', plusConfig('a', 'max_batch_size: 2 metric_tags { key: "a" value: "b" }'));
    await harness.repository.load('a');
    await harness.repository.load('a');
    assert.equal(harness.warnings.length, 1);
    assert.match(harness.warnings[0]!, /metric_tags \(a\) has no effect/);
    await harness.repository.unload('a');
    await harness.repository.unload('a');
    await assert.rejects(harness.repository.unload('none'), /no.* has a model "none"/);
  });

  it('are refused while the server ends', async (t) => {
    const harness = new Harness(t, 'explicit', ['a']);
    await harness.manager.close();
    await assert.rejects(harness.repository.load('a'), /shutting down/);
  });
});

describe('the mode poll', () => {
  it('finds what has come, changed and gone, once a second poll finds it the same', async (t) => {
    const harness = new Harness(t, 'poll', ['a', 'b']);
    await harness.manager.start();
    assert.equal(await harness.repository.poll(), false);
    harness.add('c');
    harness.add('a', plusConfig('a', 'max_batch_size: 2 metric_tags { key: "k" value: "v" }'));
    harness.remove('b');
    assert.equal(await harness.repository.poll(), true);
    assert.deepEqual(harness.manager.modelNames, ['a']);
    assert.equal(await harness.repository.poll(), false);
    await harness.settle();
    assert.deepEqual([...harness.manager.modelNames].sort(), ['a', 'c']);
    assert.equal(harness.manager.configOf('a')!.batching!.maxBatchSize, 2);
    assert.deepEqual([...harness.loads.begun].sort(), ['a/1', 'a/1', 'b/1', 'c/1']);
    assert.equal(harness.warnings.length, 1);
    assert.match(harness.warnings[0]!, /model "a": .+metric_tags \(k\) has no effect/);
    assert.deepEqual(harness.failures, []);
    assert.equal(await harness.repository.poll(), false);
  });

  it('loads a model again when its labels have changed', async (t) => {
    const harness = new Harness(t, 'poll', []);
    harness.add('a', plusConfig('a').replace('name: "y"', 'name: "y" label_filename: "labels.txt"'));
    harness.files.write('a', 'labels.txt', 'cat\ndog\n');
    for (let i = 0; i < 2; i++) await harness.repository.poll();
    await harness.settle();
    assert.equal(await harness.repository.poll(), false);
    harness.files.write('a', 'labels.txt', 'cat\nhorse\n');
    for (let i = 0; i < 2; i++) await harness.repository.poll();
    await harness.settle();
    assert.deepEqual(harness.loads.begun, ['a/1', 'a/1']);
  });

  it('unloads nothing while the repository cannot be read', async (t) => {
    const harness = new Harness(t, 'poll', ['a']);
    await harness.manager.start();
    rmSync(harness.files.directory, { recursive: true });
    await harness.repository.poll();
    await harness.repository.poll();
    assert.deepEqual(harness.manager.modelNames, ['a']);
    assert.deepEqual(harness.warnings, [`model repository ${harness.files.directory}: there is no such directory`]);
  });
});
