/** Envoy's configuration, as Envoy itself reads it. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { tempDirectory } from '../support/temp-directory.ts';
import { type Answer, readManifest, runProgram } from './manifests.ts';

const FILE = 'deploy/envoy/envoy.yaml';

const validate = (file: string): Answer => runProgram('ENVOY', ['--mode', 'validate', '--config-path', file]);

describe("Envoy's configuration", () => {
  it('is valid', () => {
    const { status, output } = validate(FILE);
    assert.equal(status, 0, output);
    assert.match(output, /OK/);
  });

  it('is refused with a field that there is not', (t) => {
    const file = join(tempDirectory(t), 'envoy.yaml');
    writeFileSync(file, readManifest(FILE).replace('enable_oob_load_report', 'enable_load_report'));
    const { status, output } = validate(file);
    assert.equal(status, 1, output);
    assert.match(output, /enable_load_report/);
  });
});
