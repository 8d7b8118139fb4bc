/**
 * TensorFlow Serving's own messages over Python's grpcio, and Python's HTTP client: the same digits as ONNX Runtime
 * itself, to the last bit. `npm test` prepares the Python environment.
 */

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import process from 'node:process';
import { after, it } from 'node:test';
import { promisify } from 'node:util';
import { ENGINE_NAMES, engineFlags } from '../support/engine-names.ts';
import { DIGITS, killSidecars, startSidecar } from '../support/sidecar.ts';

after(killSidecars);

for (const engine of ENGINE_NAMES) {
  it(`gives the official Python client the bits of ONNX Runtime, on ${engine}`, async () => {
    const python = process.env['PILLION_TEST_PYTHON'];
    assert.ok(python, 'PILLION_TEST_PYTHON names the environment of test/clients/requirements.txt; npm test sets it');
    const sidecar = await startSidecar([...DIGITS, ...engineFlags(engine)]);
    const script = 'test/clients/same_as_onnxruntime.py';
    const { stdout } = await promisify(execFile)(python, [script, sidecar.grpc, sidecar.rest]);
    assert.match(stdout, /\nok\n$/);
    assert.equal(await sidecar.stop(), 0);
  });
}
