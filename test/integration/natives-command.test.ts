/** `pillion natives tfjs` by two processes at once. Its programs are stand-ins: nothing is fetched. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { afterEach, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { killSidecars, type PillionProcess, runPillion } from '../support/sidecar.ts';
import { tempDirectory } from '../support/temp-directory.ts';

afterEach(killSidecars);

/** Counts its starts, and fails when it is told to, or when its folder is gone: it would hold the test's pipes for ever. */
const npm = (root: string): string => `#!/bin/sh
echo started >>${root}/starts
while [ -e ${root}/starts ] && [ ! -e ${root}/fail ]; do sleep 0.05; done
exit 1
`;

const skip = process.platform !== 'linux' || process.arch !== 'x64';

it('the second waits for the first, and goes on where that was killed', { skip, timeout: 60_000 }, async (t) => {
  const root = tempDirectory(t);
  // Ends the stand-ins that a killed process leaves behind.
  t.after(() => existsSync(root) && writeFileSync(join(root, 'fail'), ''));
  const programs = join(root, 'programs');
  mkdirSync(programs);
  writeFileSync(join(programs, 'npm'), npm(root), { mode: 0o755 });
  for (const name of ['g++', 'patch', 'python3']) writeFileSync(join(programs, name), '#!/bin/sh\n', { mode: 0o755 });
  const environment = {
    PATH: `${programs}:${process.env['PATH']}`,
    PILLION_NATIVES_DIRECTORY: join(root, 'natives'),
  };
  const prepare = (): PillionProcess => runPillion(['natives', 'tfjs'], environment);
  const starts = (): number => {
    const file = join(root, 'starts');
    return existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0;
  };
  const first = prepare();
  await first.printed('1 of 5');
  while (starts() < 1) await sleep(20);
  const second = prepare();
  await second.printed('Waiting: another process prepares libraries');
  assert.equal(starts(), 1);
  first.process.kill('SIGKILL');
  await second.printed('1 of 5');
  while (starts() < 2) await sleep(20);
  writeFileSync(join(root, 'fail'), '');
  assert.equal(await second.exited, 1);
  assert.match(second.output(), /npm ci .* failed: exit status 1/);
});
