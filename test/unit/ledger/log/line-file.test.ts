/** Files of lines beside the log. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { openLineFile } from '../../../../src/ledger/log/line-file.ts';

it('a FIFO that nobody reads fails, at the start and when it is opened anew, and holds nobody up', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'line-file-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, 'fifo');
  execFileSync('mkfifo', [path]);
  // A process of its own, as one that waits for a reader cannot be told of its time.
  const module = new URL('../../../../src/ledger/log/line-file.js', import.meta.url).href;
  const script = `import(${JSON.stringify(module)}).then((m) => m.openLineFile(${JSON.stringify(path)}, () => {})).catch((e) => console.log(e.code))`;
  assert.equal(execFileSync(process.execPath, ['-e', script], { timeout: 20_000, encoding: 'utf8' }).trim(), 'ENXIO');

  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const errors: NodeJS.ErrnoException[] = [];
  const file = openLineFile(path, (error) => errors.push(error));
  await once(file.destination, 'ready');
  closeSync(reader);
  file.reopen();
  assert.deepEqual(
    errors.map(({ code }) => code),
    ['ENXIO'],
  );
  await file.close();
});
