import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { it } from 'node:test';
import { commonMounts, modelMounts, shows } from '../../../src/features/sandbox/mounts.ts';
import { tempDirectory } from '../../support/temp-directory.ts';

const filesOf = (version: string) => ({ versions: [version], basePaths: [], backends: ['onnx'] });

it('a process sees its own version, not the others, and what its links to them lead to', (t) => {
  const base = tempDirectory(t);
  const [first, second] = ['1', '2'].map((name) => join(base, name)) as [string, string];
  for (const version of [first, second]) mkdirSync(version);
  writeFileSync(join(first, 'weights'), '');
  symlinkSync('../1/weights', join(second, 'weights'));
  symlinkSync('weights', join(second, 'same'));
  const weights = join(first, 'weights');
  assert.deepEqual(modelMounts(filesOf(second), []), [
    { from: second, at: second },
    { from: weights, at: weights },
  ]);
  assert.ok(!shows(modelMounts(filesOf(second), []), [{ from: first, at: first }]));
  const group = modelMounts({ ...filesOf(second), basePaths: [base] }, []);
  assert.ok(shows(group, modelMounts(filesOf(first), [])));
});

it('a link to a place of the machine is refused, unless the operator names the place', (t) => {
  const [version, elsewhere] = [tempDirectory(t), tempDirectory(t)];
  const base = join(version, 'base', '1');
  mkdirSync(base, { recursive: true });
  symlinkSync(elsewhere, join(base, 'assets'));
  assert.throws(() => modelMounts(filesOf(base), []), { kind: 'load_failed', message: /--sandbox_read/ });
  assert.ok(shows(modelMounts(filesOf(base), [elsewhere]), [{ from: elsewhere, at: elsewhere }]));
});

it('every process sees Node and Pillion’s code, and neither /etc nor the checkout', () => {
  const common = commonMounts([]);
  const sees = (path: string): boolean => shows(common, [{ from: path, at: path }]);
  assert.ok(sees(process.execPath));
  assert.deepEqual(['/', '/etc', '/etc/passwd', process.cwd(), '/proc', '/run', '/home'].filter(sees), []);
});
