/** A Triton model repository, asked by NVIDIA's Python client over REST, gRPC and a stream: `npm test -- triton`. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import process from 'node:process';
import { afterEach, it } from 'node:test';
import { promisify } from 'node:util';
import { ACCUMULATOR, accumulatorConfig } from '../support/accumulator-model.ts';
import { killSidecars, startSidecar } from '../support/sidecar.ts';
import { plusConfig, TritonRepository } from '../support/triton-repository.ts';

afterEach(killSidecars);

it('tritonclient sends the steps of sequences, and loads and unloads models', async (t) => {
  const python = process.env['PILLION_TRITON_PYTHON'];
  assert.ok(python, 'PILLION_TRITON_PYTHON names the environment of test/triton/requirements.txt; npm test sets it');
  const repository = new TritonRepository(t);
  repository.write('sum', 'config.pbtxt', accumulatorConfig());
  repository.publish('sum', 1, ACCUMULATOR);
  repository.model('plus', plusConfig('plus', 'max_batch_size: 8 response_cache { enable: true }'));
  const args = [`--model-repository=${repository.directory}`, '--model-control-mode=explicit', '--load-model=sum'];
  const { rest, grpc } = await startSidecar(args);
  const hosts = [rest.replace('http://', ''), grpc];
  const { stdout } = await promisify(execFile)(python, ['test/triton/triton_repository.py', ...hosts]);
  assert.match(stdout, /\nok\n$/);
});
