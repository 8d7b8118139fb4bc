/** The worked example of src/features/authorization/README.md, and the file in deploy/. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { AUTHORIZATION } from '../../../../src/features/authorization/check-options.ts';
import { readConfig } from '../../../support/config-files.ts';
import { DIGITS, killSidecars, runPillion, startSidecar } from '../../../support/sidecar.ts';
import { tempDirectory } from '../../../support/temp-directory.ts';

after(killSidecars);

const DOC = readFileSync('src/features/authorization/README.md', 'utf8');

/** A key of `pillion key new` and its hash, as a shell would keep them. */
async function makeKey(): Promise<{ readonly key: string; readonly hash: string }> {
  const made = runPillion(['key', 'new']);
  assert.equal(await made.exited, 0);
  const key = /^[\w-]{43}$/m.exec(made.output())![0];
  return { key, hash: /^for the authorization file: (sha256:[0-9a-f]{64})$/m.exec(made.output())![1]! };
}

function curl(rest: string, path: string, ...headers: readonly string[]): string {
  return execFileSync('curl', ['-si', ...headers.flatMap((header) => ['-H', header]), rest + path], {
    encoding: 'utf8',
  });
}

test('the example of src/features/authorization/README.md does what the page says', async (t) => {
  const [ranker, dashboard] = [await makeKey(), await makeKey()];
  const file = join(tempDirectory(t), 'authorization.yaml');
  const yaml = /```yaml authorization\.yaml\n([\s\S]*?)```/.exec(DOC)![1]!;
  writeFileSync(file, yaml.replace('sha256:91f3…', ranker.hash).replace('sha256:0c5b…', dashboard.hash));
  const { rest, stop } = await startSidecar([...DIGITS, `--authorization_file=${file}`]);
  assert.match(
    curl(rest, '/v1/models/digits/metadata', `x-api-key: ${ranker.key}`),
    /\{"model_spec":\{"name":"digits",/,
  );
  assert.match(curl(rest, '/v1/models', `authorization: Bearer ${dashboard.key}`), /\{"models":\[\{"name":"digits",/);
  const unknown = curl(rest, '/v1/models/digits');
  assert.match(unknown, /^HTTP\/1\.1 401 Unauthorized\r\n/);
  assert.match(unknown, /\r\nwww-authenticate: Bearer realm="pillion"\r\n/);
  assert.match(curl(rest, '/v1/models/digits', `x-api-key: ${ranker.key}`), /^HTTP\/1\.1 403 Forbidden\r\n/);
  await stop();
});

test('the file in deploy/ is taken', () => {
  const file = 'deploy/authorization/authorization.yaml';
  const { config, errors } = readConfig([...DIGITS, `--authorization_file=${file}`]);
  assert.deepEqual(errors, undefined);
  assert.equal(config?.facts.get(AUTHORIZATION)?.rules.principals.length, 3);
  assert.match(config!.warnings.join(), /keys and tokens come to the gRPC and REST port in the clear/);
});
