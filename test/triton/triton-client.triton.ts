/** NVIDIA's Python client of the Open Inference Protocol, which knows nothing of this server: `npm test -- triton`. */

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
import { DIGITS, killSidecars, startSidecar } from '../support/sidecar.ts';

const directory = mkdtempSync(join(tmpdir(), 'pillion-triton-'));

after(() => {
  killSidecars();
  rmSync(directory, { recursive: true });
});

/** A model of strings, of any number. */
function writeEcho(): string {
  const strings = (name: string) => ({ name, dtype: 'string', dims: ['n'] }) as const;
  const nodes = [{ op: 'Identity', inputs: ['x'], outputs: ['y'] }];
  mkdirSync(join(directory, 'echo', '1'), { recursive: true });
  const graph = onnxModel({ inputs: [strings('x')], outputs: [strings('y')], nodes });
  writeFileSync(join(directory, 'echo', '1', 'model.onnx'), graph);
  return `--model=echo=${join(directory, 'echo')}`;
}

for (const engine of ENGINE_NAMES) {
  it(`tritonclient finds every method that it has, on ${engine}`, async () => {
    const python = process.env['PILLION_TRITON_PYTHON'];
    assert.ok(python, 'PILLION_TRITON_PYTHON names the environment of test/triton/requirements.txt; npm test sets it');
    const args = [...DIGITS, writeEcho(), '--model_control_mode=explicit', ...engineFlags(engine)];
    const sidecar = await startSidecar(args);
    const { stdout } = await promisify(execFile)(python, ['test/triton/triton_client.py', sidecar.grpc]);
    assert.match(stdout, /\nok\n$/);
    assert.equal(await sidecar.stop(), 0);
  });
}
