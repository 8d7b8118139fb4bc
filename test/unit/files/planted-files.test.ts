/** What somebody may plant where the server writes, and what becomes of it: nothing is followed, opened or destroyed. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { describe, it, type TestContext } from 'node:test';
import { systemDisk } from '../../../src/files/disk.ts';
import { OwnDirectory } from '../../../src/files/own-directory.ts';
import { createFile } from '../../../src/files/own-file.ts';
import { replaceFile } from '../../../src/files/replace-file.ts';
import { StateFiles } from '../../../src/files/state-files.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { tempDirectory } from '../../support/temp-directory.ts';

const NAME = 'm-0123456789abcdef.json';
const isRoot = process.geteuid?.() === 0;
const STRANGER = 12_345;

function harness(t: TestContext) {
  const root = tempDirectory(t);
  const directory = join(root, 'state');
  const victim = join(root, 'victim');
  writeFileSync(victim, 'precious', { mode: 0o644 });
  const clock = new FakeClock();
  const files = () => new StateFiles({ directory, clock });
  return { root, directory, victim, path: join(directory, NAME), files, clock };
}

const modeOf = (path: string): number => lstatSync(path).mode & 0o7777;

describe('a file that the server keeps', () => {
  it('is for its own user alone, in a directory that is too, whatever the umask; an existing one stays as it is', async (t) => {
    const { directory, path, files, root } = harness(t);
    const umask = process.umask(0);
    t.after(() => process.umask(umask));
    await files().write(NAME, 'a');
    assert.deepEqual([modeOf(directory), modeOf(path)], [0o700, 0o600]);
    assert.deepEqual(readdirSync(directory), [NAME]);
    assert.equal(lstatSync(path).uid, process.geteuid?.());
    const other = join(root, 'other');
    mkdirSync(other, 0o755);
    await new StateFiles({ directory: other, clock: new FakeClock() }).write(NAME, 'a');
    assert.equal(modeOf(other), 0o755);
    const handle = await createFile(systemDisk, join(root, 'new'), 0o640);
    await handle.close();
    assert.equal(modeOf(join(root, 'new')), 0o640);
  });

  const planted: Readonly<Record<string, (path: string, victim: string) => void>> = {
    'a link': (path, victim) => symlinkSync(victim, path),
    'a link without a target': (path, victim) => symlinkSync(`${victim}-gone`, path),
    'a FIFO': (path) => execFileSync('mkfifo', [path]),
    'a directory': (path) => mkdirSync(path),
  };
  for (const [what, plant] of Object.entries(planted)) {
    it(`is neither read nor written where ${what} is in its place`, async (t) => {
      const { directory, path, victim, files } = harness(t);
      mkdirSync(directory);
      plant(path, victim);
      const before = lstatSync(path);
      await assert.rejects(files().read(NAME), /a plain file is wanted/);
      await assert.rejects(files().write(NAME, 'new'), /a plain file is wanted/);
      assert.deepEqual([lstatSync(path).ino, lstatSync(path).mode], [before.ino, before.mode]);
      assert.equal(readFileSync(victim, 'utf8'), 'precious');
      assert.ok(!existsSync(`${victim}-gone`));
      assert.deepEqual(readdirSync(directory), [NAME], 'and no draft is left');
    });
  }

  it('is neither read nor written where a device is in its place', { skip: !isRoot && 'needs root' }, async (t) => {
    const { directory, path, files } = harness(t);
    mkdirSync(directory);
    execFileSync('mknod', [path, 'c', '1', '5']);
    await assert.rejects(files().read(NAME), /a plain file is wanted/);
    await assert.rejects(files().write(NAME, 'new'), /a plain file is wanted/);
    assert.ok(lstatSync(path).isCharacterDevice());
  });

  it('is not read where it is another name of a file, and that file is not written', async (t) => {
    const { directory, path, victim, files } = harness(t);
    mkdirSync(directory);
    linkSync(victim, path);
    await assert.rejects(files().read(NAME), /has 2 names/);
    await files().write(NAME, 'new');
    assert.equal(await files().read(NAME), 'new');
    assert.equal(readFileSync(victim, 'utf8'), 'precious');
  });

  it('is not read where a stranger wrote it', { skip: !isRoot && 'needs root' }, async (t) => {
    const { directory, path, files } = harness(t);
    mkdirSync(directory);
    writeFileSync(path, '{}');
    chownSync(path, STRANGER, STRANGER);
    await assert.rejects(files().read(NAME), /belongs to the user 12345/);
    // Who owns the directory may do whatever they like in it.
    chownSync(directory, STRANGER, STRANGER);
    assert.equal(await files().read(NAME), '{}');
  });

  it('is not read where it is larger than any of ours', async (t) => {
    const { directory, path, files } = harness(t);
    mkdirSync(directory);
    writeFileSync(path, '');
    execFileSync('truncate', ['--size=17M', path]);
    await assert.rejects(files().read(NAME), /at most 16777216 are read/);
  });
});

describe('a directory that the server keeps files in', () => {
  it('is not followed where it was replaced by a link after its first use', async (t) => {
    const { root, directory, files } = harness(t);
    const kept = files();
    await kept.write(NAME, 'a');
    renameSync(directory, `${directory}-away`);
    mkdirSync(join(root, 'elsewhere'));
    symlinkSync(join(root, 'elsewhere'), directory);
    await assert.rejects(kept.write(NAME, 'b'), /elsewhere now, and led to/);
    assert.deepEqual(readdirSync(join(root, 'elsewhere')), []);
    rmSync(directory);
    await kept.write(NAME, 'c');
    assert.equal(await kept.read(NAME), 'c', 'a directory that was removed is made again');
  });

  it('may be a link of the operator’s, but none of a stranger’s', { skip: !isRoot && 'needs root' }, async (t) => {
    const { root, directory, files } = harness(t);
    mkdirSync(join(root, 'elsewhere'));
    symlinkSync(join(root, 'elsewhere'), directory);
    await files().write(NAME, 'a');
    assert.deepEqual(readdirSync(join(root, 'elsewhere')), [NAME]);
    lchownSync(directory, STRANGER, STRANGER);
    await assert.rejects(files().write(NAME, 'b'), /is a link of the user 12345/);
    await assert.rejects(new OwnDirectory(join(directory, 'below')).make(), /is a link of the user 12345/);
  });

  it('that cannot be written is an error, and leaves nothing', {
    skip: isRoot && 'root may write anywhere',
  }, async (t) => {
    const { directory, files } = harness(t);
    mkdirSync(directory);
    chmodSync(directory, 0o500);
    await assert.rejects(files().write(NAME, 'a'), { code: 'EACCES' });
  });

  it('holds a bounded number of files, and no draft of a process that died; other files are not ours', async (t) => {
    const { directory, files, clock } = harness(t);
    mkdirSync(directory);
    const nameOf = (i: number): string => `m-${i.toString(16).padStart(16, '0')}.json`;
    for (let i = 0; i < 1005; i++) writeFileSync(join(directory, nameOf(i)), '{}');
    const draft = `.${nameOf(1)}.0123456789abcdef.draft`;
    writeFileSync(join(directory, draft), '');
    writeFileSync(join(directory, 'mine.json'), '');
    execFileSync('touch', ['--date=2001-01-01', join(directory, nameOf(3)), join(directory, draft)]);
    await files().read(nameOf(0));
    const names = readdirSync(directory);
    assert.equal(names.length, 1001);
    assert.ok(names.includes('mine.json') && !names.includes(draft) && !names.includes(nameOf(3)), `${clock.wallMs()}`);
  });
});

describe('a disk that is nearly full', () => {
  it('is not filled: nothing is written below the share that stays free', async (t) => {
    const { directory, path, clock } = harness(t);
    let bavail = 6;
    const statfs = async () => ({ bavail, blocks: 100, bsize: 2 ** 20 });
    const disk = { ...systemDisk, statfs: statfs as unknown as typeof systemDisk.statfs };
    const files = new StateFiles({ directory, clock, disk, minFreePercent: 5 });
    await files.write(NAME, 'old');
    bavail = 4;
    await assert.rejects(files.write(NAME, 'new'), {
      code: 'ENOSPC',
      message: /has 4 MiB left, and 5 % of it \(5 MiB\) stay free; delete files, or lower --min_free_disk_percent/,
    });
    assert.equal(readFileSync(path, 'utf8'), 'old');
  });

  it('that fills up while a file is written keeps the old one', {
    skip: !isRoot && 'needs a file system',
  }, async (t) => {
    const { root } = harness(t);
    const small = join(root, 'small');
    mkdirSync(small);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', small]);
    try {
      const directory = new OwnDirectory(small);
      await replaceFile(directory, 'a', 'old');
      await assert.rejects(replaceFile(directory, 'a', 'x'.repeat(2 ** 20)), { code: 'ENOSPC' });
      assert.equal(readFileSync(join(small, 'a'), 'utf8'), 'old');
      assert.deepEqual(readdirSync(small), ['a']);
    } finally {
      execFileSync('umount', [small]);
    }
  });
});
