import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import {
  RETRY_MS,
  type RotatingFileOptions,
  RotatingRecordFile,
} from '../../../src/features/request-logs/rotating-record-file.ts';
import { type Disk, systemDisk } from '../../../src/files/disk.ts';
import { OwnDirectory } from '../../../src/files/own-directory.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { tempDirectory } from '../../support/temp-directory.ts';

const OWNER = { host: 'pod/1', pid: 7 };

function harness(t: TestContext, changes: Partial<RotatingFileOptions> = {}, disk: Disk = systemDisk) {
  const directory = tempDirectory(t);
  const clock = new FakeClock();
  const told: string[] = [];
  let onTold = (): void => undefined;
  const tell = (text: string): void => {
    told.push(text);
    onTold();
  };
  const file = new RotatingRecordFile({
    clock,
    prefix: join(directory, 'logs', 'm'),
    directory: new OwnDirectory(join(directory, 'logs'), { disk }),
    fileMode: 0o600,
    maxKeptBytes: Infinity,
    owner: OWNER,
    maxFileBytes: 10,
    maxFileMs: 1000,
    maxQueuedBytes: 20,
    onWritten: (records) => tell(`written ${records}`),
    onFailed: (records, error) => tell(`failed ${records} ${(error as NodeJS.ErrnoException | undefined)?.code}`),
    onDeleted: (files) => tell(`deleted ${files}`),
    onLeft: (path) => tell(`left ${path}`),
    ...changes,
  });
  t.after(() => file.close());
  /** Resolves after so many events. */
  const untilTold = (count: number): Promise<void> =>
    new Promise((resolve) => {
      onTold = () => {
        if (told.length >= count) resolve();
      };
      onTold();
    });
  const logs = join(directory, 'logs');
  const names = (): string[] => (existsSync(logs) ? readdirSync(logs).sort() : []);
  const contents = (): string[] => names().map((name) => readFileSync(join(logs, name), 'utf8'));
  return { file, clock, told, untilTold, names, contents, directory, logs };
}

const record = (text: string): Buffer => Buffer.from(text);

/** A disk may take seconds where others use it, too. */
const DISK_MS = 60_000;

/** Waits until the files are finished, which happens after the last write. */
async function until(holds: () => boolean): Promise<void> {
  const last = Date.now() + DISK_MS;
  while (!holds()) {
    assert.ok(Date.now() < last, 'what was waited for did not come');
    await setImmediate();
  }
}

describe('a rotating file', () => {
  it('has a name of its own until it is closed, then its real one', async (t) => {
    const { file, untilTold, names, contents } = harness(t);
    file.append(record('ab'));
    await untilTold(1);
    assert.deepEqual(names(), ['m-20231114T221321Z-pod_1-7-1.tfrecord.partial']);
    await file.close();
    assert.deepEqual(names(), ['m-20231114T221321Z-pod_1-7-1.tfrecord']);
    assert.deepEqual(contents(), ['ab']);
  });

  it('is finished when it is full, and the next one begun by the next record', async (t) => {
    const { file, untilTold, names, contents } = harness(t);
    file.append(record('12345'));
    await untilTold(1);
    file.append(record('67890'));
    await until(() => names()[0]?.endsWith('.tfrecord') === true);
    assert.equal(names().length, 1);
    file.append(record('x'));
    await file.close();
    assert.deepEqual(contents(), ['1234567890', 'x']);
  });

  it('is finished when it is full, though more waited for the disk than it takes', async (t) => {
    const { file, contents } = harness(t);
    for (const text of ['12345', '67890', 'abcdefghijklmno', 'x']) file.append(record(text));
    await file.close();
    assert.deepEqual(contents(), ['1234567890', 'abcdefghijklmno', 'x']);
  });

  it('is finished when it is old, though nothing comes', async (t) => {
    const { file, untilTold, clock, names } = harness(t);
    file.append(record('a'));
    await untilTold(1);
    clock.advance(999);
    assert.match(names()[0]!, /partial$/);
    clock.advance(1);
    await until(() => names()[0]?.endsWith('.tfrecord') === true);
    assert.equal(clock.armed, 0);
  });

  it('takes no more than its queue has room for, but always one', async (t) => {
    let open = (): void => undefined;
    const isReady = new Promise<void>((resolve) => {
      open = resolve;
    });
    const { file, contents } = harness(t, { isReady });
    assert.equal(file.admission(1000), 'room');
    file.append(record('0123456789abcdef'));
    assert.equal(file.admission(4), 'room');
    assert.equal(file.admission(5), 'full');
    open();
    await file.close();
    assert.deepEqual(contents(), ['0123456789abcdef']);
    assert.equal(file.admission(1), 'full');
  });

  it('writes all that waits when it is closed, and is closed once', async (t) => {
    const { file, contents } = harness(t, { maxFileBytes: 1000 });
    for (const text of ['a', 'b', 'c']) file.append(record(text));
    await Promise.all([file.close(), file.close()]);
    assert.deepEqual(contents(), ['abc']);
  });

  it('never writes over a file of the same second, whole or not', async (t) => {
    const { file, logs, names } = harness(t);
    mkdirSync(logs);
    writeFileSync(join(logs, 'm-20231114T221321Z-pod_1-7-1.tfrecord'), 'before');
    writeFileSync(join(logs, 'm-20231114T221321Z-pod_1-7-2.tfrecord.partial'), 'before');
    file.append(record('a'));
    await file.close();
    assert.equal(names().at(-1), 'm-20231114T221321Z-pod_1-7-3.tfrecord');
    assert.equal(readFileSync(join(logs, 'm-20231114T221321Z-pod_1-7-1.tfrecord'), 'utf8'), 'before');
  });
});

describe('a disk that does not take it', () => {
  it('is asked again after a while; what comes meanwhile is counted as failed', async (t) => {
    const { file, clock, told, untilTold, directory, contents } = harness(t);
    writeFileSync(join(directory, 'logs'), 'a file where the directory should be');
    file.append(record('lost'));
    await untilTold(1);
    assert.match(told[0]!, /^failed 1 (EEXIST|ENOTDIR)$/);
    assert.equal(file.admission(1), 'failing');
    file.append(record('lost too'));
    await untilTold(2);
    assert.equal(told[1], 'failed 1 undefined');
    rmSync(join(directory, 'logs'));
    clock.advance(RETRY_MS);
    assert.equal(file.admission(1), 'room');
    file.append(record('kept'));
    await file.close();
    assert.deepEqual(contents(), ['kept']);
  });

  it('that fills up within a record is left with the whole ones, and what is lost is counted', async (t) => {
    const full = (): never => {
      throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    };
    let room = 5;
    /** Like a full disk: takes a part of a write, and fails the next one. */
    const open: Disk['open'] = async (path, flags, mode) => {
      const handle = await systemDisk.open(path, flags, mode);
      const write = async (bytes: Buffer, position: number) => {
        if (room === 0) return full();
        const taken = bytes.subarray(0, room);
        room -= taken.length;
        await handle.write(taken, 0, taken.length, position);
        return taken.length;
      };
      return {
        writev: async (records: readonly Buffer[], position: number) => ({
          bytesWritten: await write(Buffer.concat(records), position),
        }),
        write: async (bytes: Buffer, offset: number, length: number, position: number) => ({
          bytesWritten: await write(bytes.subarray(offset, offset + length), position),
        }),
        truncate: (length: number) => handle.truncate(length),
        datasync: () => handle.datasync(),
        sync: () => handle.sync(),
        close: () => handle.close(),
      } as FileHandle;
    };
    const { file, told, untilTold, names, contents } = harness(t, { maxFileBytes: 1000 }, { ...systemDisk, open });
    file.append(record('abc'));
    await untilTold(1);
    file.append(record('defghi'));
    await untilTold(2);
    await file.close();
    assert.deepEqual(told, ['written 1', 'failed 1 ENOSPC']);
    assert.deepEqual(contents(), ['abc']);
    assert.match(names()[0]!, /\.tfrecord$/);
  });

  it('that cannot give a file its name keeps it as it is', async (t) => {
    const { file, told, untilTold, logs } = harness(t);
    file.append(record('a'));
    await untilTold(1);
    rmSync(logs, { recursive: true });
    await file.close();
    assert.match(told[1]!, /^left .*partial$/);
  });
});
