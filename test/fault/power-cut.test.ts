/**
 * The power is cut while state is kept: after each operation on the disk, in every state that it may leave
 * (test/support/power-cut.ts), the real reader finds the old value or the new one.
 */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { StateFiles } from '../../src/files/state-files.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { eachState, RecordingDisk } from '../support/power-cut.ts';
import { tempDirectory } from '../support/temp-directory.ts';

describe('a power cut', () => {
  it('while state is kept leaves the old or the new one', async (t) => {
    const root = tempDirectory(t);
    const recording = new RecordingDisk(root);
    const name = 'm-0123456789abcdef.json';
    const filesIn = (directory: string, disk?: RecordingDisk) =>
      new StateFiles({ directory, clock: new FakeClock(), ...(disk !== undefined && { disk: disk.disk }) });
    const files = filesIn(join(root, 'a', 'state'), recording);
    const written: number[] = [];
    for (const text of ['first', 'the second']) {
      await files.write(name, text);
      written.push(recording.operations.length);
    }
    const count = await eachState(t, recording, async (cut, { after }) => {
      const text = await filesIn(join(cut, 'a', 'state')).read(name);
      const old = after >= written[0]! ? 'first' : undefined;
      assert.ok(text === old || text === (old === undefined ? 'first' : 'the second'), `read ${text}`);
      if (after >= written[1]!) assert.equal(text, 'the second');
    });
    assert.ok(count > 20, `${count}`);
  });
});
