/** Version directories with a remote.yaml, and sessions of them, for tests against a server of the test's own. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Session } from '../../src/backends/backend.ts';
import { importBackend } from '../../src/backends/import-backend.ts';
import { loadOptionsOf } from '../../src/backends/load-options.ts';
import { FEATURES } from '../../src/pillion.ts';
import { tempDirectory } from './temp-directory.ts';

/** A base path whose version 1 is this remote.yaml. */
export function remoteModel(t: TestContext, yaml: string): string {
  const base = tempDirectory(t);
  mkdirSync(join(base, '1'));
  writeFileSync(join(base, '1', 'remote.yaml'), yaml);
  return base;
}

/** The session behind that file. The test closes it. */
export async function openRemote(t: TestContext, yaml: string): Promise<Session> {
  const options = loadOptionsOf({ intraOpThreads: 1, executionProvider: 'cpu' });
  const { module } = await FEATURES.backends.find('', 'remote');
  return (await importBackend(module)).load(join(remoteModel(t, yaml), '1'), options);
}
