/** sequence_batching and response_cache of config.pbtxt, on the real process. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { afterEach, describe, it } from 'node:test';
import { ACCUMULATOR, accumulatorConfig } from '../../../support/accumulator-model.ts';
import { killSidecars, startSidecar } from '../../../support/sidecar.ts';
import { plusConfig, TritonRepository } from '../../../support/triton-repository.ts';

afterEach(killSidecars);

interface Answer {
  readonly status: number;
  readonly error?: string;
  readonly [output: string]: unknown;
}

/** The elements of each output by name. */
async function infer(rest: string, model: string, values: readonly number[], parameters: object): Promise<Answer> {
  const body = {
    inputs: [{ name: 'INPUT', datatype: 'INT32', shape: [values.length, 1], data: values }],
    parameters,
  };
  const answer = await fetch(`${rest}/v2/models/${model}/infer`, { method: 'POST', body: JSON.stringify(body) });
  const { outputs = [], error } = (await answer.json()) as {
    readonly outputs?: readonly { readonly name: string; readonly data: unknown }[];
    readonly error?: string;
  };
  const named = Object.fromEntries(outputs.map(({ name, data }) => [name, data]));
  return { status: answer.status, ...named, ...(error !== undefined && { error }) };
}

describe('sequence_batching', () => {
  it('keeps the state of each sequence, and tells the model which step it is', async (t) => {
    const repository = new TritonRepository(t);
    repository.write('m', 'config.pbtxt', accumulatorConfig());
    repository.publish('m', 1, ACCUMULATOR);
    const { rest } = await startSidecar([`--model-repository=${repository.directory}`]);
    const step = (id: number | string, value: number, flags: object = {}): Promise<Answer> =>
      infer(rest, 'm', [value], { sequence_id: id, ...flags });
    const ok = (OUTPUT: number, SEEN: number, WHO: number): Answer => {
      return { status: 200, OUTPUT: [OUTPUT], SEEN: [SEEN], WHO: [WHO] };
    };
    assert.deepEqual(await step(7, 1, { sequence_start: true }), ok(1, 101, 7));
    assert.deepEqual(await step(8, 50, { sequence_start: true }), ok(50, 101, 8));
    assert.deepEqual(await step(7, 2), ok(3, 100, 7));
    assert.deepEqual(await step(8, 1), ok(51, 100, 8));
    assert.deepEqual(await step(7, 3, { sequence_end: true }), ok(6, 110, 7));
    assert.match((await step(7, 1)).error!, /has ended/);
    assert.deepEqual(await step('8', 1), ok(52, 100, 8));
    // A text becomes the same number at each step.
    const first = await step('call', 1, { sequence_start: true });
    const second = await step('call', 2);
    assert.deepEqual([second['OUTPUT'], second['WHO']], [[3], first['WHO']]);
    const none = await infer(rest, 'm', [1], {});
    assert.deepEqual([none.status, none['OUTPUT']], [400, undefined]);
    assert.match(none.error!, /answers steps of sequences alone .+ send sequence_id/);
  });

  it('shows clients the inputs that they send, and steps of different sequences share runs', async (t) => {
    const repository = new TritonRepository(t);
    repository.write('m', 'config.pbtxt', accumulatorConfig());
    repository.publish('m', 1, ACCUMULATOR);
    const sidecar = await startSidecar([`--model-repository=${repository.directory}`]);
    const metadata = await (await fetch(`${sidecar.rest}/v2/models/m`)).json();
    const { inputs } = metadata as { readonly inputs: unknown };
    assert.deepEqual(inputs, [{ name: 'INPUT', datatype: 'INT32', shape: [-1, 1] }]);
    const many = Array.from({ length: 40 }, async (_, i) => {
      for (let at = 1; at <= 5; at++) {
        const parameters = { sequence_id: i + 1, sequence_start: at === 1, sequence_end: at === 5 };
        const { OUTPUT, WHO } = await infer(sidecar.rest, 'm', [i, 1], parameters);
        assert.deepEqual(
          [OUTPUT, WHO],
          [
            [i * at, at],
            [i + 1, i + 1],
          ],
        );
      }
    });
    await Promise.all(many);
    const stats = await (await fetch(`${sidecar.rest}/v2/models/m/stats`)).json();
    const [{ inference_count: rows, execution_count: runs }] = (stats as { model_stats: [Record<string, number>] })
      .model_stats as [Record<string, number>];
    assert.equal(rows, 400);
    assert.ok(runs! < 200, `${runs} runs`);
  });

  it('is reached over the TensorFlow Serving API, too', async (t) => {
    const repository = new TritonRepository(t);
    repository.write('m', 'config.pbtxt', accumulatorConfig());
    repository.publish('m', 1, ACCUMULATOR);
    const { rest } = await startSidecar([`--model-repository=${repository.directory}`]);
    const ask = async (step: string, value: number): Promise<unknown> => {
      const headers = { 'x-pillion-sequence-id': '5', 'x-pillion-sequence-step': step };
      const body = JSON.stringify({ instances: [{ INPUT: [value] }] });
      return (await fetch(`${rest}/v1/models/m:predict`, { method: 'POST', headers, body })).json();
    };
    assert.deepEqual(await ask('start', 4), { predictions: [{ OUTPUT: [4], SEEN: [101], WHO: [5] }] });
    assert.deepEqual(await ask('end', 5), { predictions: [{ OUTPUT: [9], SEEN: [110], WHO: [5] }] });
  });

  it('begins with the data of a file', async (t) => {
    const repository = new TritonRepository(t);
    const initial = (file: string): string =>
      `initial_state { name: "first" data_type: TYPE_INT32 dims: [ 1 ] data_file: "${file}" }`;
    repository.write('m', 'config.pbtxt', accumulatorConfig(initial('sum')));
    repository.write('m', 'initial_state/sum', Buffer.from(Int32Array.of(1000).buffer));
    repository.publish('m', 1, ACCUMULATOR);
    repository.write('short', 'config.pbtxt', accumulatorConfig(initial('sum')));
    repository.write('short', 'initial_state/sum', 'ab');
    repository.publish('short', 1, ACCUMULATOR);
    const { rest } = await startSidecar([`--model-repository=${repository.directory}`]);
    const { OUTPUT } = await infer(rest, 'm', [1, 2], { sequence_id: 1, sequence_start: true });
    assert.deepEqual(OUTPUT, [1001, 1002]);
    const { error } = await infer(rest, 'short', [1], { sequence_id: 1, sequence_start: true });
    assert.match(error!, /the initial_state of state "SUM": .+ has 2 bytes, and its dims take 4/);
  });

  it('may name nothing: requests are steps, and the model has no state', async (t) => {
    const repository = new TritonRepository(t);
    repository.model('m', plusConfig('m', 'max_batch_size: 8 sequence_batching { control_input [ ] state [ ] }'));
    const { rest } = await startSidecar([`--model-repository=${repository.directory}`]);
    const body = {
      inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] }],
      parameters: { sequence_id: 1, sequence_start: true },
    };
    const answer = await fetch(`${rest}/v2/models/m/infer`, { method: 'POST', body: JSON.stringify(body) });
    const { outputs } = (await answer.json()) as { readonly outputs: readonly { readonly data: unknown }[] };
    assert.deepEqual(outputs[0]!.data, [2, 3]);
  });

  it('is held against the graph', async (t) => {
    const repository = new TritonRepository(t);
    const wrong = accumulatorConfig()
      .replaceAll('int32_false_true', 'fp32_false_true')
      .replace('"SUM_OUT"', '"SUM_OFF"');
    repository.write('m', 'config.pbtxt', wrong);
    repository.publish('m', 1, ACCUMULATOR);
    const { rest } = await startSidecar([`--model-repository=${repository.directory}`]);
    const { error } = await infer(rest, 'm', [1], { sequence_id: 1, sequence_start: true });
    assert.match(error!, /its sequence_batching does not fit the graph: control_input "START" is float32, but int32/);
    assert.match(error!, /the graph has no output "SUM_OFF"/);
  });
});

it('response_cache gives kept answers', async (t) => {
  const repository = new TritonRepository(t);
  repository.model('m', plusConfig('m', 'max_batch_size: 8 response_cache { enable: true }'));
  repository.model('n', plusConfig('n', 'max_batch_size: 8 response_cache { enable: false }'));
  const { rest } = await startSidecar([`--model-repository=${repository.directory}`]);
  for (const model of ['m', 'n']) {
    for (let i = 0; i < 3; i++) {
      const answer = await fetch(`${rest}/v1/models/${model}:predict`, { method: 'POST', body: '{"inputs":[[1,2]]}' });
      assert.deepEqual(await answer.json(), { outputs: [[2, 3]] });
    }
  }
  const metrics = await (await fetch(`${rest}/monitoring/prometheus/metrics`)).text();
  assert.match(metrics, /pillion_cache_requests_total\{model="m",result="hit"\} 2/);
  assert.doesNotMatch(metrics, /pillion_cache_requests_total\{model="n"/);
});
