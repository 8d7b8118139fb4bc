/**
 * The power is cut during every write: after each operation on the disk, in every state that it may leave
 * (test/support/power-cut.ts), the real reader finds the old value or the new one, and whole records.
 */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { TfRecordReader } from '../../src/codec/tfrecord/tf-record-reader.ts';
import { frameRecord } from '../../src/codec/tfrecord/tf-record-writer.ts';
import { OwnDirectory } from '../../src/files/own-directory.ts';
import { replaceFile } from '../../src/files/replace-file.ts';
import { StateFiles } from '../../src/files/state-files.ts';
import { RecordFile } from '../../src/proxy/records/record-file.ts';
import { recoverRecordFiles } from '../../src/proxy/records/recovery.ts';
import { RotatingRecordFile } from '../../src/proxy/records/rotating-record-file.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { type CutState, materialize, RecordingDisk } from '../support/power-cut.ts';
import { tempDirectory } from '../support/temp-directory.ts';

const OWNER = { host: 'pod', pid: 7 };
const TEXTS = Array.from({ length: 12 }, (_, i) => `record ${i}`);
const FRAMES = TEXTS.map((text) => frameRecord([Buffer.from(text)]));

/** Calls `check` with a directory that holds each state. Returns how many there were. */
async function eachState(
  t: TestContext,
  recording: RecordingDisk,
  check: (root: string, state: CutState) => Promise<void>,
): Promise<number> {
  const parent = tempDirectory(t);
  let count = 0;
  for (const state of recording.states()) {
    const root = mkdtempSync(join(parent, 'cut-'));
    materialize(root, state);
    try {
      await check(root, state);
    } catch (error) {
      const files = [...state.files].map(([path, bytes]) => `${path}: ${bytes.toString('latin1')}`);
      const done = recording.operations.slice(0, state.after).map((each) => ({ ...each, bytes: undefined }));
      throw new Error(`after ${JSON.stringify(done)}\nthe disk held\n${files.join('\n')}`, { cause: error });
    }
    rmSync(root, { recursive: true });
    count += 1;
  }
  return count;
}

function textsIn(path: string): string[] {
  const reader = new TfRecordReader({ maxRecordBytes: 1000 });
  reader.push(readFileSync(path));
  const texts: string[] = [];
  for (let record = reader.next(); record !== undefined; record = reader.next()) {
    texts.push(Buffer.from(record.data).toString());
  }
  reader.end();
  return texts;
}

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

  it('while a command writes its file leaves the old or the new one', async (t) => {
    const root = tempDirectory(t);
    writeFileSync(join(root, 'profile'), 'old');
    writeFileSync(join(root, 'records'), FRAMES[0]!);
    const recording = new RecordingDisk(root);
    await replaceFile(new OwnDirectory(root, { disk: recording.disk }), 'profile', 'new one');
    const file = await RecordFile.create(join(root, 'records'), true, recording.disk);
    await file.append(FRAMES[1]!);
    await file.append(Buffer.concat([FRAMES[2]!, FRAMES[3]!.subarray(0, 5)]));
    await file.finish();
    const count = await eachState(t, recording, async (cut, { after }) => {
      const isOver = after === recording.operations.length;
      assert.match(readFileSync(join(cut, 'profile'), 'latin1'), isOver ? /^new one$/ : /^(old|new one)$/);
      const texts = textsIn(join(cut, 'records')).join();
      assert.ok(texts === 'record 1,record 2' || (!isOver && texts === 'record 0'), texts);
    });
    assert.ok(count > 20, `${count}`);
  });
});
