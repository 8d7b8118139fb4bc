import assert from 'node:assert/strict';
import { it } from 'node:test';
import { ConfigFiles, errorsOf } from '../../support/config-files.ts';

it('--metrics_port asks nobody, so it is refused with an authorization file', (t) => {
  const file = new ConfigFiles(t).write('authorization.yaml', 'rules: []');
  const errors = errorsOf(['--model_base_path=/m', '--metrics-port=0', `--authorization_file=${file}`]);
  assert.match(errors.join('\n'), /--metrics_port asks nobody who they are/);
});
