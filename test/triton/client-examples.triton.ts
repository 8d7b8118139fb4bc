/**
 * NVIDIA's examples of its Python client (triton-inference-server/client, src/python/examples): the calls of each, by
 * that client, to models like theirs. Prints a table of them. `npm test -- triton`.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { after, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { ENGINE_NAMES, type EngineName, engineFlags } from '../support/engine-names.ts';
import { killSidecars, runPillion } from '../support/sidecar.ts';
import { TritonRepository } from '../support/triton-repository.ts';
import { EXAMPLE_MODELS, REFUSED_MODELS } from './examples/models.ts';

/** The files' names without `.py`, with what of them is refused here, which the calls then check. */
const EXAMPLES: Readonly<Record<string, string | undefined>> = {
  ensemble_image_client: undefined,
  grpc_client: undefined,
  grpc_explicit_byte_content_client: undefined,
  grpc_explicit_int8_content_client: undefined,
  grpc_explicit_int_content_client: undefined,
  grpc_image_client: undefined,
  image_client: undefined,
  memory_growth_test: undefined,
  reuse_infer_objects_client: undefined,
  simple_grpc_aio_infer_client: undefined,
  simple_grpc_aio_sequence_stream_infer_client: undefined,
  simple_grpc_async_infer_client: undefined,
  simple_grpc_cudashm_client: 'there is no shared memory of GPUs',
  simple_grpc_custom_args_client: undefined,
  simple_grpc_custom_repeat: 'no model is decoupled',
  simple_grpc_health_metadata: undefined,
  simple_grpc_infer_client: undefined,
  simple_grpc_keepalive_client: undefined,
  simple_grpc_model_control: 'a load brings no configuration and no files',
  simple_grpc_sequence_stream_infer_client: undefined,
  simple_grpc_sequence_sync_infer_client: undefined,
  simple_grpc_shm_client: undefined,
  simple_grpc_shm_string_client: undefined,
  simple_grpc_string_infer_client: undefined,
  simple_http_aio_infer_client: undefined,
  simple_http_async_infer_client: undefined,
  simple_http_cudashm_client: 'there is no shared memory of GPUs',
  simple_http_health_metadata: undefined,
  simple_http_infer_client: undefined,
  simple_http_model_control: 'a load brings no configuration and no files',
  simple_http_sequence_sync_infer_client: undefined,
  simple_http_shm_client: undefined,
  simple_http_shm_string_client: undefined,
  simple_http_string_infer_client: undefined,
};

const FLAGS = [
  ...['--http-port=0', '--grpc-port=0', '--metrics-port=-1', '--admin_port=0', '--bind_address=127.0.0.1'],
  ...['--allow_client_shm', '--model-control-mode=explicit'],
  ...Object.keys(EXAMPLE_MODELS).map((name) => `--load-model=${name}`),
];

interface Outcome {
  readonly name: string;
  readonly failed: string | null;
}

const table: string[] = [];

after(() => {
  killSidecars();
  process.stdout.write(`${table.join('\n')}\n`);
});

function writeModels(repository: TritonRepository): void {
  for (const [name, model] of Object.entries({ ...EXAMPLE_MODELS, ...REFUSED_MODELS })) {
    repository.write(name, 'config.pbtxt', model.config);
    if (model.file === undefined) mkdirSync(join(repository.directory, name, '1'));
    else repository.write(name, join('1', model.file), model.bytes);
    if (model.labels !== undefined) repository.write(name, 'labels.txt', model.labels.join('\n'));
  }
}

/** What the client says of each of them. */
async function runExamples(hosts: readonly string[], names: readonly string[]): Promise<readonly Outcome[]> {
  const python = process.env['PILLION_TRITON_PYTHON'];
  assert.ok(python, 'PILLION_TRITON_PYTHON names the environment of test/triton/requirements.txt; npm test sets it');
  const { stdout } = await promisify(execFile)(python, ['test/triton/examples/run.py', ...hosts, ...names]);
  return stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Outcome);
}

function tell({ name, failed }: Outcome, engine: EngineName): void {
  const refused = EXAMPLES[name];
  const passed = refused === undefined ? 'passed' : `passed, but for what is refused: ${refused}`;
  table.push(`${name.padEnd(46)}${engine.padEnd(10)}${failed ?? passed}`);
}

describe("NVIDIA's client examples", () => {
  for (const engine of ENGINE_NAMES) {
    it(`each makes its calls, on ${engine}`, async (t) => {
      const repository = new TritonRepository(t);
      writeModels(repository);
      const store = `--model-repository=${repository.directory}`;
      const server = runPillion(['tritonserver', store, ...FLAGS, ...engineFlags(engine)]);
      const { rest, grpc } = await server.line(({ event }) => event === 'ready');
      // The engine is of gRPC alone.
      const names = Object.keys(EXAMPLES).filter((name) => engine === 'pillion' || !name.startsWith('simple_http'));
      const outcomes = await runExamples([(rest as string[])[0]!, (grpc as string[])[0]!], names);
      for (const outcome of outcomes) tell(outcome, engine);
      for (const { name, failed } of outcomes) await t.test(name, () => assert.equal(failed, null));
      assert.deepEqual(
        outcomes.map(({ name }) => name),
        names,
      );
      assert.equal(await server.stop(), 0);
    });
  }
});
