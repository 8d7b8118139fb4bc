/** NVIDIA's Python client with tensors in system shared memory, over both gRPC engines and REST. `npm test -- triton`. */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { after, it } from 'node:test';
import { promisify } from 'node:util';
import { ENGINE_NAMES, engineFlags } from '../support/engine-names.ts';
import { onnxModel } from '../support/onnx-model.ts';
import { killSidecars, startSidecar } from '../support/sidecar.ts';

const directory = mkdtempSync(join(tmpdir(), 'triton-shm-'));

after(() => {
  killSidecars();
  rmSync(directory, { recursive: true });
});

function echoFlag(name: string, dtype: 'float32' | 'string', width: number | string): string {
  const dims = ['rows', width];
  const bytes = onnxModel({
    inputs: [{ name: 'x', dtype, dims }],
    outputs: [{ name: 'y', dtype, dims }],
    nodes: [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }],
  });
  mkdirSync(join(directory, name, '1'), { recursive: true });
  writeFileSync(join(directory, name, '1', 'model.onnx'), bytes);
  return `--model=${name}=${join(directory, name)}`;
}

for (const engine of ENGINE_NAMES) {
  it(`tritonclient shares its memory (${engine})`, async () => {
    const python = process.env['PILLION_TRITON_PYTHON'];
    assert.ok(python, 'PILLION_TRITON_PYTHON names the environment of test/triton/requirements.txt; npm test sets it');
    const models = [echoFlag('echo_float32', 'float32', 4), echoFlag('echo_text', 'string', '')];
    const sidecar = await startSidecar([...models, '--allow-client-shm', ...engineFlags(engine)]);
    const addresses = [sidecar.grpc, sidecar.rest.slice('http://'.length)];
    const { stdout } = await promisify(execFile)(python, ['test/triton/triton_shm.py', ...addresses]);
    assert.match(stdout, /\nok\n$/);
    assert.equal(await sidecar.stop(), 0);
  });
}
