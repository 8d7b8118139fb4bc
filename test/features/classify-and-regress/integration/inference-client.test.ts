/** Classify, Regress and MultiInference as Python's grpcio sends them with TensorFlow Serving's own messages. */

import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { execFile } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { after, it } from 'node:test';
import { promisify } from 'node:util';
import { ENGINE_NAMES, engineFlags } from '../../../support/engine-names.ts';
import { exampleBytes } from '../../../support/feature-specs.ts';
import { onnxModel } from '../../../support/onnx-model.ts';
import { killSidecars, startSidecar } from '../../../support/sidecar.ts';
import { writeSurfaceModels } from '../../../support/surface-models.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

after(killSidecars);

for (const engine of ENGINE_NAMES) {
  it(`answers the official messages of every method on examples, on ${engine}`, async (t) => {
    const python = process.env['PILLION_TEST_PYTHON'];
    assert.ok(python, 'PILLION_TEST_PYTHON names the environment of test/clients/requirements.txt; npm test sets it');
    const models = writeSurfaceModels(tempDirectory(t), ['examples']);
    const sidecar = await startSidecar([...models, ...engineFlags(engine)]);
    const script = 'test/clients/inference.py';
    const { stdout } = await promisify(execFile)(python, [script, sidecar.grpc, sidecar.rest]);
    assert.match(stdout, /\nok\n$/);
    assert.equal(await sidecar.stop(), 0);
  });
}

it('reads a digit from a tf.Example by the example model that declares it', async () => {
  const sidecar = await startSidecar(['--model=digits=examples/digits/models/digits']);
  const body = JSON.stringify({ signature_name: 'classify', examples: [{ pixels: new Array(64).fill(0) }] });
  const answer = await fetch(`${sidecar.rest}/v1/models/digits:classify`, { method: 'POST', body });
  const { results } = (await answer.json()) as { results: [string, number][][] };
  assert.deepEqual(
    results[0]!.map(([label]) => label),
    ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9'],
  );
  const sum = results[0]!.reduce((total, [, score]) => total + score, 0);
  assert.ok(Math.abs(sum - 1) < 1e-5);
  assert.equal(await sidecar.stop(), 0);
});

it('hands serialized examples to a graph whose one input is a string', async (t) => {
  const directory = join(tempDirectory(t), 'echo', '1');
  mkdirSync(directory, { recursive: true });
  const classes = { name: 'classes', dtype: 'string', dims: ['batch', 1] } as const;
  const graph = {
    inputs: [{ name: 'inputs', dtype: 'string', dims: ['batch'] }],
    outputs: [classes],
    nodes: [{ op: 'Unsqueeze', inputs: ['inputs', 'axes'], outputs: ['classes'] }],
    initializers: [{ name: 'axes', dtype: 'int64', dims: [1], data: Buffer.from(BigInt64Array.of(1n).buffer) }],
  } as const;
  writeFileSync(join(directory, 'model.onnx'), onnxModel(graph));
  const sidecar = await startSidecar([`--model=echo=${join(directory, '..')}`]);
  const body = JSON.stringify({ examples: [{ word: 'hello' }] });
  const answer = await fetch(`${sidecar.rest}/v1/models/echo:classify`, { method: 'POST', body });
  assert.equal(answer.status, 200, await answer.clone().text());
  const { results } = (await answer.json()) as { results: [string, number][][] };
  // What the model was given, as text: its bytes are UTF-8 here.
  assert.deepEqual([...Buffer.from(results[0]![0]![0])], [...exampleBytes({ word: ['hello'] })]);
  assert.equal(results[0]![0]![1], 0);
  assert.equal(await sidecar.stop(), 0);
});
