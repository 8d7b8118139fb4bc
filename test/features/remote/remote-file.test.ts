import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { hasRemoteFile } from '../../../src/backends/remote/has-remote-file.ts';
import { type RemoteConfig, readRemoteFile } from '../../../src/backends/remote/remote-file.ts';
import type { ServingError } from '../../../src/core/errors.ts';
import { tempDirectory } from '../../support/temp-directory.ts';

function read(t: TestContext, yaml: string, files: Readonly<Record<string, string>> = {}): Promise<RemoteConfig> {
  const directory = tempDirectory(t);
  for (const [name, text] of Object.entries({ ...files, 'remote.yaml': yaml })) {
    writeFileSync(join(directory, name), text);
  }
  return readRemoteFile(directory);
}

async function problems(t: TestContext, yaml: string, files = {}): Promise<readonly string[]> {
  const error = (await read(t, yaml, files).catch((thrown: unknown) => thrown)) as ServingError;
  assert.equal(error.kind, 'load_failed');
  // The directory differs in each test.
  return error.message.split('\n').map((line) => line.replace(/\S*\/remote\.yaml/, 'remote.yaml'));
}

it('remote.yaml with what must be said has defaults for the rest', async (t) => {
  assert.deepEqual(await read(t, 'address: "[::1]:8500"\nmodel: digits'), {
    address: '[::1]:8500',
    model: 'digits',
    version: undefined,
    label: undefined,
    protocol: 'tensorflow-serving',
    concurrency: 8,
    timeoutMs: 30_000,
    connectTimeoutMs: 10_000,
    isBatching: undefined,
    tls: undefined,
  });
});

it('remote.yaml may say everything; paths count from its directory', async (t) => {
  const yaml = `address: unix:/run/model.sock
model: digits
version: 9007199254740993
protocol: v2
concurrency: 2
timeout_ms: 500
connect_timeout_ms: 100
batching: false
tls: {ca: ca.pem, cert: c.pem, key: k.pem, server_name: model.internal}
`;
  const { tls, ...config } = await read(t, yaml, { 'ca.pem': 'CA', 'c.pem': 'C', 'k.pem': 'K' });
  assert.deepEqual(config, {
    address: 'unix:/run/model.sock',
    model: 'digits',
    version: 9007199254740993n,
    label: undefined,
    protocol: 'v2',
    concurrency: 2,
    timeoutMs: 500,
    connectTimeoutMs: 100,
    isBatching: false,
  });
  assert.deepEqual([tls?.ca, tls?.cert, tls?.key].map(String), ['CA', 'C', 'K']);
  assert.equal(tls?.serverName, 'model.internal');
});

const WRONG = 'adress: x:1\nversion: 3\nlabel: stable\nprotocol: grpc\ntls: {cert: c.pem}\n';

it('every mistake of remote.yaml is told at once, with its place', async (t) => {
  assert.deepEqual(await problems(t, WRONG, { 'c.pem': 'C' }), [
    'remote.yaml:1:1: remote.yaml has no "adress"; did you mean "address"?',
    'remote.yaml:1:1: there is no address',
    'remote.yaml:1:1: there is no model',
    'remote.yaml:4:11: protocol wants one of tensorflow-serving, v2, not "grpc"',
    'remote.yaml:5:6: cert and key belong together; give both or neither',
    'remote.yaml:3:1: version and label both choose a version; give one',
  ]);
  assert.deepEqual(await problems(t, 'address: somewhere\nmodel:\nbatching: 1\nconcurrency: 0'), [
    'remote.yaml:1:1: address wants host:port, [v6]:port or unix:/path, not "somewhere"',
    'remote.yaml:2:1: model has no value',
    'remote.yaml:4:14: concurrency wants a whole number from 1 to 1024, not "0"',
    'remote.yaml:3:11: batching wants true or false, not "1"',
  ]);
  assert.match(
    (await problems(t, 'address: x:1\nmodel: m\nprotocol: v2\nlabel: stable'))[0]!,
    /:4:1: protocol v2 has no labels/,
  );
  assert.match(
    (await problems(t, 'address: x:1\nmodel: m\ntls: {ca: none.pem}'))[0]!,
    /^remote.yaml:3:7: ca: ENOENT: no such file/,
  );
  assert.match((await problems(t, ''))[0]!, /the file is empty/);
  assert.match((await problems(t, '- x'))[0]!, /remote.yaml wants "key: value" lines, not a list/);
});

it('a directory without remote.yaml is none of this backend’s', async (t) => {
  const directory = tempDirectory(t);
  assert.equal(await hasRemoteFile(directory), false);
  await assert.rejects(readRemoteFile(directory), { kind: 'load_failed', message: /ENOENT/ });
});

it('docs/how-to/remote-models.md shows a remote.yaml that is taken', async (t) => {
  const [, example] = /```yaml [^\n]*remote\.yaml\n([\s\S]*?)```/.exec(
    readFileSync('docs/how-to/remote-models.md', 'utf8'),
  )!;
  const { address, model, label } = await read(t, example!);
  assert.deepEqual([address, model, label], ['inference.internal:8500', 'digits', 'stable']);
});
