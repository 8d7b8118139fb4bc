/**
 * NVIDIA's Python client over REST: health, metadata, infer in every form, classes, compression, many calls at once.
 * `npm test -- triton`.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, it } from 'node:test';
import { promisify } from 'node:util';
import { type OnnxGraph, onnxModel } from '../support/onnx-model.ts';
import { killSidecars, startSidecar } from '../support/sidecar.ts';

const directory = mkdtempSync(join(tmpdir(), 'triton-http-'));

after(() => {
  killSidecars();
  rmSync(directory, { recursive: true });
});

function echo(dtype: 'float32' | 'string', width: number | string): OnnxGraph {
  const dims = ['rows', width];
  return {
    inputs: [{ name: 'x', dtype, dims }],
    outputs: [{ name: 'y', dtype, dims }],
    nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
  };
}

function flagOf(name: string, graph: OnnxGraph): string {
  mkdirSync(join(directory, name, '1'), { recursive: true });
  writeFileSync(join(directory, name, '1', 'model.onnx'), onnxModel(graph));
  return `--model=${name}=${join(directory, name)}`;
}

it('tritonclient gets over REST what it sent, in every form', async () => {
  const python = process.env['PILLION_TRITON_PYTHON'];
  assert.ok(python, 'PILLION_TRITON_PYTHON names the environment of test/triton/requirements.txt; npm test sets it');
  const models = [flagOf('echo_float32', echo('float32', 4)), flagOf('echo_text', echo('string', ''))];
  const sidecar = await startSidecar([...models, '--rest_compress_from_bytes=1']);
  const address = sidecar.rest.slice('http://'.length);
  const { stdout } = await promisify(execFile)(python, ['test/triton/triton_http.py', address]);
  assert.match(stdout, /\nok\n$/);
  assert.equal(await sidecar.stop(), 0);
});
