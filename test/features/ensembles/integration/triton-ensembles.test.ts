/** Ensembles of a Triton model repository, asked through the Open Inference Protocol. */

import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { configOf } from '../../../support/config-files.ts';
import { appOf } from '../../../support/local-app.ts';
import { onnxModel } from '../../../support/onnx-model.ts';
import { plusConfig, plusModel, TritonRepository } from '../../../support/triton-repository.ts';

const PORTS = ['--port=0', '--rest_api_port=0', '--admin_port=0', '--bind_address=127.0.0.1', '--log_level=silent'];

interface Answer {
  readonly status: number;
  readonly outputs?: readonly { readonly name: string; readonly data: readonly unknown[] }[];
  readonly error?: string;
}

interface Asked {
  infer(model: string, data: readonly number[], outputs?: readonly object[]): Promise<Answer>;
  get(path: string): Promise<Readonly<Record<string, unknown>>>;
  post(path: string): Promise<number>;
  index(): Promise<readonly { readonly name: string; readonly state: string; readonly reason: string }[]>;
}

async function start(t: TestContext, files: TritonRepository, ...args: readonly string[]): Promise<Asked> {
  const app = appOf(configOf([`--model-repository=${files.directory}`, ...PORTS, ...args]));
  t.after(() => app.drain());
  const { rest } = await app.start();
  const url = `http://${rest[0]}`;
  return {
    async infer(model, data, outputs) {
      const input = { name: 'raw', datatype: 'FP32', shape: [data.length / 2, 2], data };
      const body = JSON.stringify({ inputs: [input], ...(outputs && { outputs }) });
      const answer = await fetch(`${url}/v2/models/${model}/infer`, { method: 'POST', body });
      return { status: answer.status, ...((await answer.json()) as object) };
    },
    get: async (path) => (await (await fetch(url + path)).json()) as Readonly<Record<string, unknown>>,
    post: async (path) => (await fetch(url + path, { method: 'POST', body: '{}' })).status,
    index: async () => (await fetch(`${url}/v2/repository/index`, { method: 'POST', body: '{}' })).json() as never,
  };
}

function step(model: string, from: string, to: string): string {
  return `{ model_name: "${model}" model_version: -1
    input_map { key: "x" value: "${from}" } output_map { key: "y" value: "${to}" } }`;
}

/** raw + 1 = a; a + 10 = b; a + 100 = c */
const STEPS = [step('one', 'raw', 'a'), step('ten', 'a', 'b'), step('hundred', 'a', 'c')];

function ensemble(steps: readonly string[], more = ''): string {
  return `name: "all" platform: "ensemble" max_batch_size: 8
    input [ { name: "raw" data_type: TYPE_FP32 dims: [ 2 ] } ]
    output [ { name: "b" data_type: TYPE_FP32 dims: [ 2 ] ${more} }, { name: "c" data_type: TYPE_FP32 dims: [ 2 ] } ]
    ensemble_scheduling { step [ ${steps.join(', ')} ] }`;
}

function repositoryOf(t: TestContext, config: string): TritonRepository {
  const files = new TritonRepository(t);
  for (const [name, plus] of [
    ['one', 1],
    ['ten', 10],
    ['hundred', 100],
  ] as const) {
    files.model(name, plusConfig(name), []);
    files.publish(name, 1, plusModel(plus));
  }
  files.write('all', 'config.pbtxt', config);
  mkdirSync(join(files.directory, 'all/1'));
  return files;
}

describe('an ensemble of a Triton model repository', () => {
  it('answers as its steps do one after the other', async (t) => {
    const { infer, get } = await start(t, repositoryOf(t, ensemble(STEPS)));
    const { outputs } = await infer('all', [1, 2, 3, 4]);
    assert.deepEqual(
      outputs?.map(({ name, data }) => [name, data]),
      [
        ['b', [12, 13, 14, 15]],
        ['c', [102, 103, 104, 105]],
      ],
    );
    const { platform, inputs } = await get('/v2/models/all');
    assert.equal(platform, 'ensemble');
    assert.deepEqual(inputs, [{ name: 'raw', datatype: 'FP32', shape: [-1, 2] }]);
    const { ensemble_scheduling: scheduling } = await get('/v2/models/all/config');
    assert.equal((scheduling as { step: unknown[] }).step.length, 3);
    const wide = await infer('all', [1, 2, 3]);
    assert.equal(wide.status, 400);
  });

  it('has labels of its own for classes', async (t) => {
    const files = repositoryOf(t, ensemble(STEPS, 'label_filename: "labels.txt"'));
    files.write('all', 'labels.txt', 'cat\ndog\n');
    const { infer } = await start(t, files);
    const { outputs } = await infer('all', [1, 2], [{ name: 'b', parameters: { classification: 2 } }]);
    assert.deepEqual(outputs?.[0]?.data, ['13.000000:1:dog', '12.000000:0:cat']);
  });

  it('may have an inner one', async (t) => {
    const files = repositoryOf(t, ensemble([step('inner', 'raw', 'b'), step('one', 'raw', 'c')]));
    const inner = ensemble([step('one', 'x', 'z'), step('ten', 'z', 'y')])
      .replace('"all"', '"inner"')
      .replace('name: "raw"', 'name: "x"')
      .replace(/output \[ .*/, 'output [ { name: "y" data_type: TYPE_FP32 dims: [ 2 ] } ]');
    files.write('inner', 'config.pbtxt', inner);
    mkdirSync(join(files.directory, 'inner/1'));
    const { infer } = await start(t, files);
    const { outputs, error } = await infer('all', [1, 2]);
    assert.equal(error, undefined);
    assert.deepEqual(
      outputs?.map(({ data }) => data),
      [
        [12, 13],
        [2, 3],
      ],
    );
  });

  it('gives up what no step and no answer takes', async (t) => {
    const files = repositoryOf(
      t,
      ensemble([
        step('both', 'raw', 'b').replace('output_map', 'output_map { key: "z" value: "unused" } output_map'),
        step('one', 'raw', 'c'),
      ]),
    );
    const x = { name: 'x', dtype: 'float32', dims: ['rows', 2] } as const;
    const nodes = ['y', 'z'].map((name) => ({ op: 'Neg', inputs: ['x'], outputs: [name] }));
    const both = onnxModel({
      inputs: [x],
      outputs: [
        { ...x, name: 'y' },
        { ...x, name: 'z' },
      ],
      nodes,
    });
    files.publish('both', 1, both);
    const { infer } = await start(t, files);
    assert.deepEqual((await infer('all', [1, 2])).outputs?.[0]?.data, [-1, -2]);
  });

  it('says in the index which model it waits for, and is not waited for by name', async (t) => {
    const files = repositoryOf(t, ensemble(STEPS));
    files.write('ten', 'config.pbtxt', 'name: "eleven"');
    const { index } = await start(t, files);
    const [entry] = (await index()).filter(({ name }) => name === 'all');
    assert.equal(entry!.state, 'LOADING');
    assert.match(entry!.reason, /^it waits for a member: model "ten" .+ the name is "eleven"/);
    const byName = await start(t, files, '--model-control-mode=explicit');
    const statuses: number[] = [];
    for (const name of ['all', 'ten', 'all']) statuses.push(await byName.post(`/v2/repository/models/${name}/load`));
    assert.deepEqual(statuses, [400, 400, 503]);
  });

  it('brings its parts when it is loaded by name, at the start too', async (t) => {
    const files = repositoryOf(t, ensemble(STEPS));
    const { infer, post } = await start(t, files, '--model-control-mode=explicit', '--load-model=ten');
    assert.equal(await post('/v2/repository/models/all/load'), 200);
    assert.equal((await infer('all', [1, 2])).status, 200);
    const atStart = await start(t, files, '--model-control-mode=explicit', '--load-model=all');
    assert.equal((await atStart.infer('all', [1, 2])).status, 200);
  });

  for (const [what, config, problem] of [
    [
      'a model that is not there',
      ensemble([step('no', 'raw', 'b'), step('ten', 'raw', 'c')]),
      /step\[0\]\.model_name: there is no model "no"/,
    ],
    [
      'a tensor of no model',
      ensemble([STEPS[0]!, STEPS[1]!.replace('"x"', '"q"'), STEPS[2]!]),
      /step\[1\]\.input_map "q": model "ten" has no input "q"/,
    ],
    [
      'a tensor that nobody gives',
      ensemble([step('one', 'raw', 'b'), step('ten', 'gone', 'c')]),
      /step\[1\]\.input_map "x": no step gives "gone"/,
    ],
    ['an output that nobody gives', ensemble([step('one', 'raw', 'b')]), /: output: no step gives "c"/],
    ['itself', ensemble([step('one', 'raw', 'b'), step('all', 'b', 'c')]), /the ensemble is a member of itself/],
    [
      'another type than the steps',
      ensemble(STEPS).replace('TYPE_FP32', 'TYPE_FP64'),
      /input "raw" is TYPE_FP64, but float32/,
    ],
  ] as const) {
    it(`is refused with ${what}, with the place in its file`, async (t) => {
      const { infer } = await start(t, repositoryOf(t, config));
      const { status, error } = await infer('all', [1, 2]);
      assert.equal(status, 404, error);
      assert.match(error!, problem);
      assert.equal((await infer('one', [1, 2])).status, 400, 'the others are served');
    });
  }

  it('is not ready while a member is not', async (t) => {
    const files = repositoryOf(t, ensemble(STEPS));
    const { infer, get, post, index } = await start(t, files, '--model_control_mode=explicit', '--load_model=*');
    const state = async (): Promise<string> => (await index()).find(({ name }) => name === 'all')!.state;
    assert.equal(await state(), 'READY');
    assert.equal(await post('/v2/repository/models/ten/unload'), 200);
    assert.equal(await post('/v2/repository/models/ten/unload'), 200);
    assert.equal(await state(), 'UNAVAILABLE');
    assert.match(String((await get('/v2/models/all/ready'))['error']), /not ready/);
    assert.equal((await infer('all', [1, 2])).status, 404);
    assert.equal(await post('/v2/repository/models/ten/load'), 200);
    assert.equal(await state(), 'READY');
    assert.equal((await infer('all', [1, 2])).status, 200);
  });
});
