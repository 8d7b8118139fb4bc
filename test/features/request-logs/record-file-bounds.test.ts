/** Request logs beside whoever may write in their directory, on disks that fill up, and in their own bounds. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import { execFileSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { describe, it, type TestContext } from 'node:test';
import { frameRecord } from '../../../src/codec/tfrecord/tf-record-writer.ts';
import { numericTensor } from '../../../src/core/tensor.ts';
import { recoverRecordFiles } from '../../../src/features/request-logs/recovery.ts';
import { RequestLogCounters } from '../../../src/features/request-logs/request-log-counters.ts';
import { RequestLogs, type RequestLogsOptions } from '../../../src/features/request-logs/request-logs.ts';
import { RETRY_MS } from '../../../src/features/request-logs/rotating-record-file.ts';
import { type Disk, systemDisk } from '../../../src/files/disk.ts';
import { OwnDirectory } from '../../../src/files/own-directory.ts';
import { createLogger } from '../../../src/ledger/log/log.ts';
import { Registry } from '../../../src/ledger/metrics/registry.ts';
import { RequestSamplers } from '../../../src/models/serving/request-samplers.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { textOf } from '../../support/metrics-text.ts';
import { readRecords } from '../../support/prediction-logs.ts';
import { tempDirectory } from '../../support/temp-directory.ts';

const OWNER = { host: 'pod', pid: process.pid };
const ONE = frameRecord([Buffer.from('one')]);
const isRoot = process.geteuid?.() === 0;

const SERVED = {
  name: 'a',
  version: 1n,
  versionText: '1',
  signatureName: 's',
  signature: undefined as never,
  outputNames: [],
};

/** A log of the model "a", one file for each request. */
function harness(t: TestContext, changes: Partial<RequestLogsOptions> = {}) {
  const root = tempDirectory(t);
  const directory = join(root, 'logs');
  const clock = new FakeClock();
  const lines: { level?: string; event?: string; files?: number; msg?: string; err?: { message: string } }[] = [];
  const registry = new Registry();
  const samplers = new RequestSamplers({ clock, onInternalError: assert.ifError });
  const logs = new RequestLogs({
    clock,
    logger: createLogger({ level: 'info', clock, destination: { write: (line) => void lines.push(JSON.parse(line)) } }),
    samplers,
    counters: new RequestLogCounters(registry),
    owner: OWNER,
    maxFileBytes: 1,
    maxFileMs: 1000,
    maxRecordBytes: 10_000,
    maxKeptBytes: Infinity,
    fileMode: 0o600,
    minFreePercent: 0,
    ...changes,
  });
  t.after(() => logs.close());
  const configure = () =>
    logs.configure([{ name: 'a', logging: { filenamePrefix: join(directory, 'm'), samplingRate: 1 } }]);
  const ask = (bytes = 100): void => {
    const inputs = new Map([['x', numericTensor('uint8', [bytes], new Uint8Array(bytes))]]);
    samplers
      .pointOf('a')
      .sampler!.sample()!
      .onPredict({ requested: {}, served: SERVED, inputs, outputFilter: [], outputs: new Map() });
  };
  const names = () => (existsSync(directory) ? readdirSync(directory).sort() : []);
  /** Waits until so many records were lost. */
  const untilFailed = async (count: number): Promise<void> => {
    const hasFailed = new RegExp(`outcome="failed"\\} ${count}$`, 'm');
    for (let page = ''; !hasFailed.test(page); page = await textOf(registry)) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { root, directory, logs, configure, ask, names, lines, clock, untilFailed };
}

const modeOf = (path: string): number => lstatSync(path).mode & 0o7777;

/** Waits for the disk: a turn of the event loop is a step of it. */
async function until(holds: () => boolean): Promise<void> {
  const last = Date.now() + 60_000;
  while (!holds()) {
    assert.ok(Date.now() < last, 'what was waited for did not come');
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('files of request logs', () => {
  for (const [fileMode, directoryMode] of [
    [0o600, 0o700],
    [0o640, 0o750],
  ] as const) {
    it(`have the mode ${fileMode.toString(8)} whatever the umask, in a directory of ${directoryMode.toString(8)}`, async (t) => {
      const umask = process.umask(0);
      t.after(() => process.umask(umask));
      const { configure, ask, logs, names, directory } = harness(t, { fileMode });
      configure();
      ask();
      await logs.close();
      assert.equal(modeOf(directory), directoryMode);
      assert.deepEqual(
        names().map((name) => modeOf(join(directory, name))),
        [fileMode],
      );
    });
  }

  it('have a bound together: the oldest go, the newest stays, and others’ files are left alone', async (t) => {
    const { configure, ask, logs, names, directory, lines } = harness(t, { maxKeptBytes: 1000 });
    mkdirSync(directory);
    const old = ['m-20011125T122530Z-other-pod-1-2.tfrecord', 'm-20011125T122530Z-pod-1-1.tfrecord.corrupt'];
    const others = ['m-notes.tfrecord', 'other-20011125T122530Z-pod-1-1.tfrecord'];
    for (const name of [...old, ...others]) writeFileSync(join(directory, name), Buffer.alloc(600));
    configure();
    for (let i = 0; i < 20; i++) {
      ask(100);
      await until(() => names().some((name) => name.endsWith(`-pod-${process.pid}-${i + 1}.tfrecord`)));
    }
    await logs.close();
    const kept = names();
    assert.ok(others.every((name) => kept.includes(name)) && !old.some((name) => kept.includes(name)), kept.join());
    const ours = kept.filter((name) => !others.includes(name));
    const bytes = ours.reduce((sum, name) => sum + lstatSync(join(directory, name)).size, 0);
    assert.ok(bytes <= 1000 && bytes > 500, `${bytes} bytes in ${ours.length} files`);
    assert.ok(ours.some((name) => name.endsWith(`-${process.pid}-20.tfrecord`)));
    const told = lines.filter(({ event }) => event === 'request_log_pruned').map(({ files }) => files!);
    assert.equal(
      told.reduce((sum, files) => sum + files, 0),
      old.length + 20 - ours.length,
    );
    for (const name of ours) assert.equal(readRecords(join(directory, name)).length, 1);
  });

  it('keep the newest though it alone is beyond the bound', async (t) => {
    const { configure, ask, logs, names } = harness(t, { maxKeptBytes: 1 });
    configure();
    for (let i = 0; i < 3; i++) ask();
    await logs.close();
    assert.equal(names().length, 1);
  });

  it('are not written where their directory was replaced by a link; this is said once, and so is its end', async (t) => {
    let opened = 0;
    const open: Disk['open'] = async (...file) => {
      const handle = await systemDisk.open(...file);
      opened += 1;
      return handle;
    };
    const { configure, ask, logs, names, directory, lines, clock, root, untilFailed } = harness(t, {
      disk: { ...systemDisk, open },
    });
    configure();
    ask();
    // The file, and the directory to flush the file's name: nothing more is looked up by its path.
    await until(() => opened === 2);
    assert.match(names()[0]!, /\.tfrecord$/);
    renameSync(directory, `${directory}-away`);
    mkdirSync(join(root, 'elsewhere'));
    symlinkSync(join(root, 'elsewhere'), directory);
    const failures = () => lines.filter(({ level }) => level === 'error');
    for (let i = 0; i < 3; i++) {
      ask();
      await untilFailed(i + 1);
      clock.advance(RETRY_MS);
    }
    execFileSync('rm', [directory]);
    renameSync(`${directory}-away`, directory);
    ask();
    await logs.close();
    assert.match(failures()[0]!.err!.message, /elsewhere now, and led to/);
    assert.deepEqual(readdirSync(join(root, 'elsewhere')), []);
    assert.equal(lines.filter(({ msg }) => msg === 'the request log is written again').length, 1);
  });

  it('leave a share of the disk free, which is said once', async (t) => {
    let bavail = 4;
    const statfs = (async () => ({ bavail, blocks: 100, bsize: 2 ** 20 })) as unknown as Disk['statfs'];
    const { configure, ask, logs, names, lines, clock, directory, untilFailed } = harness(t, {
      minFreePercent: 5,
      disk: { ...systemDisk, statfs },
    });
    configure();
    for (let i = 0; i < 3; i++) {
      ask();
      await untilFailed(i + 1);
      clock.advance(RETRY_MS);
    }
    bavail = 5;
    ask();
    await logs.close();
    const errors = lines.filter(({ level }) => level === 'error');
    assert.deepEqual(
      errors.map(({ err }) => /has 4 MiB left, and 5 % of it \(5 MiB\) stay free/.test(err!.message)),
      [true],
    );
    assert.equal(names().length, 1);
    assert.equal(readRecords(join(directory, names()[0]!)).length, 1);
  });
});

describe('a file that only looks like one that a dead process left', () => {
  const leftover = 'm-20261125T122530Z-pod-40-1.tfrecord.partial';
  const recover = (directory: string) =>
    recoverRecordFiles({
      prefix: join(directory, 'm'),
      directory: new OwnDirectory(directory),
      owner: { host: 'pod', pid: 1 },
      maxRecordBytes: 100,
      isAlive: () => false,
    });

  const plants: Readonly<Record<string, (path: string, victim: string) => void>> = {
    'a link to a file of records': (path, victim) => symlinkSync(victim, path),
    'a link without a target': (path) => symlinkSync('nowhere', path),
    'a FIFO': (path) => execFileSync('mkfifo', [path]),
    'a directory': (path) => mkdirSync(path),
    'another name of a file of records': (path, victim) => linkSync(victim, path),
  };
  for (const [what, plant] of Object.entries(plants)) {
    it(`is left as it is: ${what}`, async (t) => {
      const root = tempDirectory(t);
      const [directory, victim] = [join(root, 'logs'), join(root, 'victim')];
      mkdirSync(directory);
      const bytes = Buffer.concat([ONE, ONE.subarray(0, 5)]);
      writeFileSync(victim, bytes);
      plant(join(directory, leftover), victim);
      const { recovered, errors } = await recover(directory);
      assert.deepEqual([recovered, errors.length], [[], 1]);
      assert.deepEqual(readdirSync(directory), [leftover]);
      assert.deepEqual(readFileSync(victim), bytes);
    });
  }

  it('is left as it is: a stranger’s', { skip: !isRoot && 'needs root' }, async (t) => {
    const directory = tempDirectory(t);
    writeFileSync(join(directory, leftover), ONE);
    chownSync(join(directory, leftover), 12_345, 12_345);
    const { errors } = await recover(directory);
    assert.match(String(errors[0]), /belongs to the user 12345/);
    assert.deepEqual(readdirSync(directory), [leftover]);
  });
});
