/** Whether another user runs a model's process, with tools that are said to work. Nothing is started. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { it, type TestContext } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Confined } from '../../../src/backends/host/process/sandbox.ts';
import type { SandboxMeans } from '../../../src/features/sandbox/command-line.ts';
import { ToolSandbox } from '../../../src/features/sandbox/sandbox.ts';
import { openDirectory } from '../../support/sandboxes.ts';

/** Who may read this checkout in any case; others may be shut out of it. */
const OWNER = statSync(fileURLToPath(import.meta.url)).uid;
const STRANGER = 54_321;

/** A version directory that every user may read. */
function openVersion(t: TestContext): string {
  const version = join(openDirectory(t), '1');
  mkdirSync(version, { mode: 0o755 });
  writeFileSync(join(version, 'weights'), '', { mode: 0o644 });
  return version;
}

function confine(version: string, means: SandboxMeans, backend = 'onnx', readable: readonly string[] = []): Confined {
  const sandbox = new ToolSandbox({ mode: 'auto', user: means.user!, environment: [], readable }, means);
  const files = { versions: [version], basePaths: [], backends: [backend] };
  return sandbox.confine('m', ['node'], files, { intraOpThreads: 1, executionProvider: 'cpu' });
}

it('another user is used if it can read all that the process needs', (t) => {
  const { state } = confine(openVersion(t), { setpriv: '/bin/setpriv', user: OWNER });
  assert.equal(state.by, `setpriv, user ${OWNER}`);
});

it('the report names what every process needs and a file of the model, each if the user cannot read it', (t) => {
  const version = openVersion(t);
  const weights = join(version, 'weights');
  const closed = join(openDirectory(t), 'closed');
  writeFileSync(closed, '', { mode: 0 });
  const assertNamed = (paths: string, readable: readonly string[] = []): void => {
    const means = { setpriv: '/bin/setpriv', landlock: true, user: OWNER };
    const { by, lacks } = confine(version, means, 'onnx', readable).state;
    assert.equal(by, 'setpriv, Landlock');
    assert.equal(lacks[0], `it runs as the server’s user, since user ${OWNER} cannot read ${paths}`);
  };
  assertNamed(`"${closed}"`, [closed]);
  chmodSync(weights, 0);
  assertNamed(`"${weights}"`);
  assertNamed(`"${closed}" or "${weights}"`, [closed]);
  assertNamed(`"${weights}"`, [weights]);
});

it('what every process gets is told without the user if that cannot read what they need', (t) => {
  const closed = join(openDirectory(t), 'closed');
  writeFileSync(closed, '', { mode: 0 });
  const byOf = (readable: readonly string[]): string =>
    new ToolSandbox({ mode: 'auto', user: OWNER, environment: [], readable }, { setpriv: '/bin/setpriv', user: OWNER })
      .state.by;
  assert.deepEqual([byOf([]), byOf([closed])], [`setpriv, user ${OWNER}`, 'setpriv']);
});

it('a plug-in that the user cannot read is found out, also where no tool hides files', (t) => {
  const closed = openDirectory(t, 0o700);
  const plugIn = join(closed, 'plug-in.js');
  writeFileSync(plugIn, '');
  const { uid, state } = confine(openVersion(t), { user: STRANGER }, pathToFileURL(plugIn).href);
  assert.equal(uid, undefined);
  assert.ok(state.lacks[0]!.includes(`"${closed}"`), state.lacks[0]);
});
