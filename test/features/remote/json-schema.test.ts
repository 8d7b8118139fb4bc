/** docs/remote.schema.json takes what the reader of remote.yaml takes. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { readRemoteFile } from '../../../src/backends/remote/remote-file.ts';
import { jsonSchemas } from '../../support/json-schemas.ts';
import { tempDirectory } from '../../support/temp-directory.ts';

const SCHEMAS = await jsonSchemas();
const isRemote = new Ajv({ strict: true, allowUnionTypes: true }).compile(SCHEMAS['remote.schema.json']!);

function isTaken(t: TestContext, yaml: string): Promise<boolean> {
  const directory = tempDirectory(t);
  writeFileSync(join(directory, 'remote.yaml'), yaml);
  return readRemoteFile(directory).then(
    () => true,
    () => false,
  );
}

const [, EXAMPLE] = /```yaml [^\n]*remote\.yaml\n([\s\S]*?)```/.exec(
  readFileSync('docs/how-to/remote-models.md', 'utf8'),
)!;
const REMOTE_CASES: readonly [yaml: string, isRight: boolean][] = [
  [EXAMPLE!, true],
  ['{address: "[::1]:1", model: m, version: 3, concurrency: 1024, timeout_ms: 1, batching: false, tls: {}}', true],
  ['{address: "unix:/s", model: m, tls: {server_name: n}}', true],
  ['{address: "x:1"}', false],
  ['{address: x, model: m}', false],
  ['{address: "x:1", model: ""}', false],
  ['{address: "x:1", model: m, protocol: v3}', false],
  ['{address: "x:1", model: m, concurrency: 1025}', false],
  ['{address: "x:1", model: m, timeout_ms: 0.5}', false],
  ['{address: "x:1", model: m, tls: {pem: a}}', false],
  ['{address: "x:1", model: m, adress: a}', false],
];

for (const [yaml, isRight] of REMOTE_CASES) {
  test(`schema and reader both ${isRight ? 'take' : 'refuse'} ${JSON.stringify(yaml)} as remote.yaml`, async (t) => {
    assert.equal(await isTaken(t, yaml), isRight, 'reader');
    assert.equal(isRemote(parse(yaml)), isRight, JSON.stringify(isRemote.errors));
  });
}
