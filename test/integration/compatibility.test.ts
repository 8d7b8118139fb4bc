/**
 * TensorFlow Serving's contract, row by row, driven by its own message classes from Python and by plain HTTP:
 * test/clients/compatibility has the rows, docs/reference/compatibility.md the tables made of them.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import process from 'node:process';
import { after, it } from 'node:test';
import { promisify } from 'node:util';
import { killSidecars, startSidecar } from '../support/sidecar.ts';
import { writeSurfaceModels } from '../support/surface-models.ts';
import { tempDirectory } from '../support/temp-directory.ts';

after(killSidecars);

it('answers every row as docs/reference/compatibility.md says', async (t) => {
  const python = process.env['PILLION_TEST_PYTHON'];
  assert.ok(python, 'PILLION_TEST_PYTHON names the environment of test/clients/requirements.txt; npm test sets it');
  const models = tempDirectory(t);
  const sidecar = await startSidecar([...writeSurfaceModels(models), '--enable_reload_rpc']);
  const args = ['-m', 'compatibility', sidecar.grpc, sidecar.rest, models, resolve('docs/reference/compatibility.md')];
  if (process.env['PILLION_WRITE_DOCS'] !== undefined) args.push('--write');
  const { stdout, failed } = await promisify(execFile)(python, args, { cwd: 'test/clients' }).then(
    ({ stdout }) => ({ stdout, failed: false }),
    (error: { stdout: string; stderr: string }) => ({ stdout: error.stdout + error.stderr, failed: true }),
  );
  assert.equal(failed, false, stdout);
  assert.match(stdout, /^\d+ rows, 0 faults$/m);
  assert.equal(await sidecar.stop(), 0);
});
