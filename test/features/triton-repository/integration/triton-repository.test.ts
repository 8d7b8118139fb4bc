/** Triton model repositories as they are, served by the real process. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { afterEach, describe, it } from 'node:test';
import { killSidecars, runPillion, type Sidecar, startSidecar } from '../../../support/sidecar.ts';
import { plusConfig, plusModel, TritonRepository } from '../../../support/triton-repository.ts';

afterEach(killSidecars);

const serve = (repository: TritonRepository, ...args: readonly string[]): Promise<Sidecar> =>
  startSidecar([`--model-repository=${repository.directory}`, ...args]);

async function ask(
  rest: string,
  model: string,
  inputs: unknown,
): Promise<{ status: number; outputs: unknown; error?: string }> {
  const answer = await fetch(`${rest}/v1/models/${model}:predict`, {
    method: 'POST',
    body: JSON.stringify({ inputs }),
  });
  const body = (await answer.json()) as { outputs?: unknown; error?: string };
  return { status: answer.status, outputs: body.outputs, ...(body.error !== undefined && { error: body.error }) };
}

async function statesOf(rest: string, model: string): Promise<Readonly<Record<string, string>>> {
  const body = (await (await fetch(`${rest}/v1/models/${model}`)).json()) as {
    readonly model_version_status: readonly { readonly version: string; readonly state: string }[];
  };
  return Object.fromEntries(body.model_version_status.map(({ version, state }) => [version, state]));
}

describe('a Triton model repository', () => {
  it('is served as it is, and a broken model stops no other', async (t) => {
    const repository = new TritonRepository(t);
    repository.model('batched', plusConfig('batched', 'max_batch_size: 8\ndynamic_batching { }'));
    repository.model('whole', plusConfig('whole', 'max_batch_size: 0', '-1, 2'));
    repository.model('plain', undefined);
    repository.model(
      'both',
      plusConfig('both', 'max_batch_size: 8\nversion_policy: { specific { versions: [1, 3] } }'),
      [1, 2, 3],
    );
    repository.model('broken', 'name: "broken"\nplatform: "onnxruntime_onnx"\nmax_batch_sise: 8\n');
    repository.write('directory', 'config.pbtxt', plusConfig('directory'));
    repository.write('directory', '1/model.onnx/model.onnx', plusModel(7));
    const sidecar = await serve(repository);
    const { rest } = sidecar;
    assert.deepEqual(await ask(rest, 'batched', [[1, 2]]), { status: 200, outputs: [[2, 3]] });
    assert.deepEqual(
      await ask(rest, 'whole', [
        [1, 2],
        [3, 4],
      ]),
      {
        status: 200,
        outputs: [
          [2, 3],
          [4, 5],
        ],
      },
    );
    assert.deepEqual(await ask(rest, 'plain', [[1, 2]]), { status: 200, outputs: [[2, 3]] });
    assert.deepEqual(await ask(rest, 'directory', [[1, 2]]), { status: 200, outputs: [[8, 9]] });
    assert.deepEqual(await statesOf(rest, 'both'), { 3: 'AVAILABLE', 1: 'AVAILABLE' });
    assert.deepEqual(await ask(rest, 'both', [[0, 0]]), { status: 200, outputs: [[3, 3]] });
    assert.deepEqual(await ask(rest, 'both/versions/1', [[0, 0]]), { status: 200, outputs: [[1, 1]] });
    const broken = await ask(rest, 'broken', [[0, 0]]);
    assert.equal(broken.status, 404);
    assert.match(
      broken.error!,
      /broken\/config\.pbtxt:3:1: inference\.ModelConfig has no field "max_batch_sise"; did you mean "max_batch_size"/,
    );
    assert.equal((await fetch(`${sidecar.admin}/ready`)).status, 200);
    assert.equal(await sidecar.stop(), 0);
  });

  it('has labels and a warm-up beside the model, and refuses a version that the warm-up fails on', async (t) => {
    const repository = new TritonRepository(t);
    const warmup = (input: string): string => `max_batch_size: 8
      model_warmup [ { name: "first" batch_size: 3 count: 2 inputs { key: "x" value: ${input} } } ]`;
    const config = plusConfig('warm', warmup('{ data_type: TYPE_FP32 dims: [ 2 ] input_data_file: "x.raw" }'));
    repository.model('warm', config.replace('name: "y"', 'name: "y" label_filename: "labels.txt"'));
    repository.write('warm', 'labels.txt', 'cat\ndog\n');
    repository.write('warm', 'warmup/x.raw', Buffer.from(Float32Array.of(1, 2).buffer));
    repository.model('cold', plusConfig('cold', warmup('{ data_type: TYPE_FP32 dims: [ 3 ] zero_data: true }')));
    repository.model(
      'unlabelled',
      plusConfig('unlabelled').replace('name: "y"', 'name: "y" label_filename: "none.txt"'),
    );
    const { rest } = await serve(repository);
    assert.deepEqual(await ask(rest, 'warm', [[1, 2]]), { status: 200, outputs: [[2, 3]] });
    assert.match((await ask(rest, 'cold', [[1, 2]])).error!, /its model_warmup "first" failed: .*"x"/);
    assert.match(
      (await ask(rest, 'unlabelled', [[1, 2]])).error!,
      /label_filename "none\.txt" of output "y" cannot be used/,
    );
  });

  it('shows requests the shapes of config.pbtxt, whatever the graph has', async (t) => {
    const repository = new TritonRepository(t);
    const reshaped = plusConfig('reshaped', 'max_batch_size: 8', '2, 1').replaceAll(
      'dims: [ 2, 1 ]',
      'dims: [ 2, 1 ] reshape: { shape: [ 2 ] }',
    );
    repository.model('reshaped', reshaped);
    repository.model('other', plusConfig('other', 'max_batch_size: 8', '3'));
    const { rest } = await serve(repository);
    assert.deepEqual(await ask(rest, 'reshaped', [[[1], [2]]]), { status: 200, outputs: [[[2], [3]]] });
    assert.equal((await ask(rest, 'reshaped', [[1, 2]])).status, 400);
    assert.match(
      (await ask(rest, 'other', [[1, 2, 3]])).error!,
      /its config\.pbtxt does not fit the graph: input "x" is \[\?,3\], but \[\?,2\] in the graph/,
    );
  });

  it('lets requests share runs, and gives each its own rows, in the shape of config.pbtxt', async (t) => {
    const repository = new TritonRepository(t);
    const reshaped = plusConfig(
      'm',
      'max_batch_size: 8 dynamic_batching { max_queue_delay_microseconds: 2000 }',
      '2, 1',
    );
    repository.model('m', reshaped.replaceAll('dims: [ 2, 1 ]', 'dims: [ 2, 1 ] reshape: { shape: [ 2 ] }'));
    const sidecar = await serve(repository);
    const { reason } = await sidecar.line((line) => line.event === 'batch_axis');
    assert.equal(reason, 'declared in config.pbtxt');
    const requests = Array.from({ length: 60 }, async (_, i) => {
      const rows = Array.from({ length: 1 + (i % 20) }, (_, row) => [[i], [row]]);
      const answer = await ask(sidecar.rest, 'm', rows);
      assert.deepEqual(answer, { status: 200, outputs: rows.map(([a, b]) => [[a![0]! + 1], [b![0]! + 1]]) });
    });
    await Promise.all(requests);
  });

  it('is looked at again in the mode poll: versions, models and files', async (t) => {
    const repository = new TritonRepository(t);
    repository.model('m', plusConfig('m'));
    const sidecar = await serve(repository, '--model-control-mode=poll', '--repository-poll-secs=1');
    const { rest } = sidecar;
    assert.deepEqual((await ask(rest, 'm', [[0, 0]])).outputs, [[1, 1]]);
    repository.publish('m', 2);
    await sidecar.line((line) => line['model'] === 'm' && line['version'] === '2' && line['state'] === 'AVAILABLE');
    assert.deepEqual((await ask(rest, 'm', [[0, 0]])).outputs, [[2, 2]]);
    repository.model('n', plusConfig('n'), [5]);
    await sidecar.line((line) => line['model'] === 'n' && line['state'] === 'AVAILABLE');
    assert.deepEqual((await ask(rest, 'n', [[0, 0]])).outputs, [[5, 5]]);
    const seen = sidecar.lines.length;
    repository.write('m', 'config.pbtxt', plusConfig('m', 'max_batch_size: 8 version_policy { all { } }'));
    await sidecar.line(
      (line) => line['version'] === '1' && line['from'] === 'LOADING' && sidecar.lines.indexOf(line) > seen,
    );
    assert.deepEqual(await statesOf(rest, 'm'), { 2: 'AVAILABLE', 1: 'AVAILABLE' });
  });

  it('loads in the mode explicit what is named, and all with *', async (t) => {
    const repository = new TritonRepository(t);
    repository.model('one', plusConfig('one'));
    repository.model('two', plusConfig('two'));
    const some = await serve(repository, '--model-control-mode', 'explicit', '--load-model=two');
    assert.equal((await ask(some.rest, 'two', [[0, 0]])).status, 200);
    assert.equal((await ask(some.rest, 'one', [[0, 0]])).status, 404);
    const all = await serve(repository, '--model_control_mode=explicit', '--load_model=*');
    assert.equal((await ask(all.rest, 'one', [[0, 0]])).status, 200);
    const none = await serve(repository, '--model-control-mode=explicit');
    assert.equal((await ask(none.rest, 'one', [[0, 0]])).status, 404);
  });

  it('is ready with --strict-readiness only while every model is available', async (t) => {
    const repository = new TritonRepository(t);
    repository.model('one', plusConfig('one'));
    repository.model('broken', 'name: "other"');
    const polled = ['--model-control-mode=poll', '--repository-poll-secs=1'];
    const sidecar = await serve(repository, '--strict-readiness', 'true', ...polled);
    const ready = (): Promise<Response> => fetch(`${sidecar.admin}/ready`);
    const notReady = await ready();
    assert.equal(notReady.status, 503);
    assert.match(await notReady.text(), /model "broken": .+the name is "other"/);
    assert.equal((await ask(sidecar.rest, 'one', [[0, 0]])).status, 200);
    repository.write('broken', 'config.pbtxt', plusConfig('broken'));
    await sidecar.line((line) => line['model'] === 'broken' && line['state'] === 'AVAILABLE');
    assert.equal((await ready()).status, 200);
  });

  it('has a port for metrics alone with --metrics-port', async (t) => {
    const repository = new TritonRepository(t);
    repository.model('one', plusConfig('one'));
    const sidecar = await serve(repository, '--metrics-port=0');
    const { metrics } = (await sidecar.line((line) => line.event === 'ready')) as unknown as { metrics: string };
    const page = await fetch(`http://${metrics}/metrics`);
    assert.equal(page.status, 200);
    assert.match(page.headers.get('content-type')!, /^text\/plain; version=0\.0\.4/);
    assert.match(await page.text(), /^pillion_cpu_budget_cores /m);
    assert.equal((await fetch(`http://${metrics}/models`)).status, 404);
    assert.equal((await fetch(`http://${metrics}/metrics`, { method: 'POST' })).status, 405);
    assert.equal(await sidecar.stop(), 0);
  });

  it('ends the start with --exit-on-error if a model is broken', async (t) => {
    const repository = new TritonRepository(t);
    repository.model('one', plusConfig('one'));
    repository.model('broken', 'name: "other"');
    const args = [`--model-repository=${repository.directory}`, '--exit-on-error', '--grpc-port=0', '--http-port=0'];
    const child = runPillion(['serve', ...args, '--admin_port=0', '--bind_address=127.0.0.1']);
    assert.equal(await child.exited, 1);
    assert.match(child.output(), /the name is .+other.+, but the directory is .+broken/);
  });
});
