/** A model with two versions, of which one is loaded again under requests: each is answered by the version it means. */

import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { configOf } from '../support/config-files.ts';
import { appOf } from '../support/local-app.ts';
import { plusConfig, plusModel, TritonRepository } from '../support/triton-repository.ts';

const ARGS = ['--port=0', '--rest_api_port=0', '--admin_port=0', '--bind_address=127.0.0.1', '--log_level=silent'];

type Answers = Map<string, number>;

interface Served {
  /** The first element of the answer to zeros, or the status of a refusal: "20", "status 503". */
  ask(version?: number): Promise<string>;
  /** POST v2/repository/models/m/load. */
  load(): Promise<{ readonly status: number; readonly text: string }>;
  /** Everything that was answered while `work` ran, and how often, without a version named and with 2. */
  during(work: () => Promise<unknown>): Promise<{ readonly unnamed: Answers; readonly second: Answers }>;
}

async function serve(t: TestContext, files: TritonRepository): Promise<Served> {
  const source = [`--model-repository=${files.directory}`, '--model-control-mode=explicit', '--load-model=m'];
  const app = appOf(configOf([...source, ...ARGS]));
  t.after(() => app.drain());
  const { rest } = await app.start();
  const post = (path: string, body: string): Promise<Response> =>
    fetch(`http://${rest[0]}${path}`, { method: 'POST', body });
  const ask = async (version?: number): Promise<string> => {
    const path = version === undefined ? 'm' : `m/versions/${version}`;
    const answer = await post(`/v1/models/${path}:predict`, '{"inputs":[[0,0]]}');
    const { outputs } = (await answer.json()) as { readonly outputs?: readonly (readonly number[])[] };
    return answer.ok ? String(outputs?.[0]?.[0]) : `status ${answer.status}`;
  };
  return {
    ask,
    load: async () => {
      const answer = await post('/v2/repository/models/m/load', '{}');
      return { status: answer.status, text: await answer.text() };
    },
    during: async (work) => {
      const seen = { unnamed: new Map<string, number>(), second: new Map<string, number>() };
      let isOver = false;
      const clients = [
        [seen.unnamed, undefined],
        [seen.second, 2],
      ] as const;
      const asking = clients.map(async ([answers, version]) => {
        while (!isOver) {
          const answer = await ask(version);
          answers.set(answer, (answers.get(answer) ?? 0) + 1);
          await pause(1);
        }
      });
      await work();
      isOver = true;
      await Promise.all(asking);
      for (const [name, answers] of Object.entries(seen)) t.diagnostic(`${name}: ${[...answers].join(' ')}`);
      return seen;
    },
  };
}

it('no request is answered by another version, or refused, while one is loaded again', async (t) => {
  const files = new TritonRepository(t);
  files.model('m', plusConfig('m', 'max_batch_size: 8 version_policy { latest { num_versions: 2 } }'), [1, 2]);
  const { ask, load, during } = await serve(t, files);
  assert.deepEqual([await ask(), await ask(2), await ask(1)], ['2', '2', '1']);

  files.write('m', '2/model.onnx', plusModel(20));
  const swap = await during(async () => assert.equal((await load()).status, 200));
  for (const answers of Object.values(swap))
    assert.deepEqual(
      [...answers.keys()].filter((a) => a !== '2' && a !== '20'),
      [],
    );
  assert.deepEqual([await ask(), await ask(2), await ask(1)], ['20', '20', '1']);

  files.write('m', '2/model.onnx', 'no model');
  const kept = await during(async () => {
    const { status, text } = await load();
    assert.equal(status, 400, text);
    // Polls that follow find the same files.
    await pause(600);
  });
  for (const answers of Object.values(kept)) assert.deepEqual([...answers.keys()], ['20']);

  files.write('m', '2/model.onnx', plusModel(30));
  assert.equal((await load()).status, 200);
  assert.deepEqual([await ask(), await ask(2), await ask(1)], ['30', '30', '1']);
});
