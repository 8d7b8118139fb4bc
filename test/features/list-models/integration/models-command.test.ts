/** `pillion models` beside a real sidecar. */
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { killSidecars, runPillion, startSidecar } from '../../../support/sidecar.ts';
import { writeSurfaceModels } from '../../../support/surface-models.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

after(killSidecars);

it('pillion models lists versions and states, and why one is not served', async (t) => {
  const models = tempDirectory(t);
  const sidecar = await startSidecar(writeSurfaceModels(models, ['float', 'pair']));
  const incoming = join(models, 'pair', '.incoming');
  mkdirSync(incoming);
  writeFileSync(join(incoming, 'model.onnx'), 'no model');
  renameSync(incoming, join(models, 'pair', '2'));
  await sidecar.line((line) => line['version'] === '2' && line['state'] === 'END');

  const admin = sidecar.admin.slice('http://'.length);
  const table = runPillion(['models', `--admin=${admin}`]);
  assert.equal(await table.exited, 0);
  const lines = table.output().split('\n');
  assert.match(lines[0]!, /^model +version +state +runtime +why$/);
  assert.match(table.output(), /^float +1 +AVAILABLE +onnx/m);
  assert.match(table.output(), /^pair +2 +END +- +load_failed: .*model\.onnx/m);
  assert.match(table.output(), /^ +1 +AVAILABLE +onnx/m);
  const json = runPillion(['models', `--admin=${admin}`, '--json']);
  assert.equal(await json.exited, 0);
  const { models: listed } = JSON.parse(json.output()) as { models: { name: string; versions: unknown[] }[] };
  assert.deepEqual(
    listed.map(({ name, versions }) => [name, versions.length]),
    [
      ['float', 1],
      ['pair', 2],
    ],
  );
  assert.equal(await sidecar.stop(), 0);
  const nobody = runPillion(['models', '--admin=127.0.0.1:1']);
  assert.equal(await nobody.exited, 1);
  assert.match(nobody.output(), /no sidecar at 127\.0\.0\.1:1/);
});
