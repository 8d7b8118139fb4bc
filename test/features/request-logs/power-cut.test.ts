/**
 * The power is cut during every write: after each operation on the disk, in every state that it may leave
 * (test/support/power-cut.ts), the real reader finds whole records.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { frameRecord } from '../../../src/codec/tfrecord/tf-record-writer.ts';
import { recoverRecordFiles } from '../../../src/features/request-logs/recovery.ts';
import { RotatingRecordFile } from '../../../src/features/request-logs/rotating-record-file.ts';
import { OwnDirectory } from '../../../src/files/own-directory.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { eachState, RecordingDisk, textsIn } from '../../support/power-cut.ts';
import { tempDirectory } from '../../support/temp-directory.ts';

const OWNER = { host: 'pod', pid: 7 };
const TEXTS = Array.from({ length: 12 }, (_, i) => `record ${i}`);
const FRAMES = TEXTS.map((text) => frameRecord([Buffer.from(text)]));

/** What a start does, and what anybody may read then. Returns the records in finished files, in order. */
async function recovered(logs: string, disk?: RecordingDisk): Promise<string[]> {
  const directory = new OwnDirectory(logs, disk === undefined ? {} : { disk: disk.disk });
  const report = await recoverRecordFiles({ prefix: join(logs, 'm'), directory, owner: OWNER, maxRecordBytes: 1000 });
  assert.deepEqual(report.errors, []);
  return finished(logs);
}

function finished(logs: string): string[] {
  const names = readdirSync(logs).filter((name) => name.endsWith('.tfrecord'));
  return names.sort().flatMap((name) => textsIn(join(logs, name)));
}

describe('a power cut', () => {
  it('while a request log is written leaves whole records, and all of each finished file', async (t) => {
    const root = tempDirectory(t);
    const recording = new RecordingDisk(root);
    const told: number[] = [];
    let onWritten = (): void => undefined;
    const file = new RotatingRecordFile({
      clock: new FakeClock(),
      prefix: join(root, 'logs', 'm'),
      directory: new OwnDirectory(join(root, 'logs'), { disk: recording.disk }),
      fileMode: 0o600,
      owner: OWNER,
      maxFileBytes: 60,
      maxFileMs: 1000,
      maxKeptBytes: 100,
      maxQueuedBytes: 1000,
      onWritten: () => onWritten(),
      onFailed: (_, error) => assert.fail(String(error)),
      onDeleted: () => undefined,
      onLeft: (_, error) => assert.fail(String(error)),
    });
    for (const frame of FRAMES) {
      const isWritten = new Promise<void>((resolve) => {
        onWritten = resolve;
      });
      file.append(frame);
      await isWritten;
    }
    await file.close();
    const { operations } = recording;
    const syncs = operations.flatMap((each, i) => (each.kind === 'syncDirectory' && each.path === 'logs' ? [i] : []));
    assert.ok(
      syncs.length >= 2 && operations.some(({ kind }) => kind === 'unlink'),
      'it rotates, and deletes old files',
    );
    const count = await eachState(t, recording, async (cut, { after, directories }) => {
      if (!directories.includes('logs')) return;
      const texts = await recovered(join(cut, 'logs'));
      const first = texts.length === 0 ? 0 : TEXTS.indexOf(texts[0]!);
      assert.deepEqual(texts, TEXTS.slice(first, first + texts.length));
      // The newest file that was finished before the cut.
      const lastSync = syncs.findLast((i) => i < after);
      const name = operations.slice(0, lastSync ?? 0).findLast((each) => each.kind === 'rename')?.to;
      if (name !== undefined) told.push(textsIn(join(cut, name)).length);
    });
    assert.ok(told.length > 0 && told.every((records) => records > 0));
    t.diagnostic(`${operations.length} operations, ${count} states`);
    assert.ok(count > 100, `${count}`);
  });

  it('while a start recovers a file leaves what the next start recovers, too', async (t) => {
    const torn = Buffer.concat([FRAMES[0]!, FRAMES[1]!, FRAMES[2]!.subarray(0, 9)]);
    const whole = Buffer.concat([FRAMES[0]!, FRAMES[1]!]);
    const broken = Buffer.concat([FRAMES[0]!, Buffer.alloc(40)]);
    let count = 0;
    for (const bytes of [torn, whole, broken, Buffer.alloc(0)]) {
      const root = tempDirectory(t);
      mkdirSync(join(root, 'logs'));
      writeFileSync(join(root, 'logs', 'm-20261125T122530Z-pod-7-1.tfrecord.partial'), bytes);
      const recording = new RecordingDisk(root);
      const texts = await recovered(join(root, 'logs'), recording);
      count += await eachState(t, recording, async (cut) => {
        // Before the next start, too: whoever reads finished files does not wait for it.
        const early = finished(join(cut, 'logs'));
        assert.deepEqual(early, early.length === 0 ? [] : texts);
        assert.deepEqual(await recovered(join(cut, 'logs')), texts);
      });
    }
    assert.ok(count >= 8, `${count}`);
  });
});
