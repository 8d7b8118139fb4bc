/** Which files regions may be, what is read and written through them, and when they are closed. */
import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type ErrorKind, ServingError } from '../../../src/core/errors.ts';
import { atOnce } from '../../../src/core/in-slices.ts';
import { type Region, writeSlices } from '../../../src/features/shared-memory/region.ts';
import { MAX_REGIONS, RegionStore } from '../../../src/features/shared-memory/region-store.ts';
import { type Disk, systemDisk } from '../../../src/files/disk.ts';
import { tempDirectory } from '../../support/temp-directory.ts';

interface Setup {
  readonly store: RegionStore;
  readonly root: string;
  /** Those that the store has opened; a closed one has the descriptor -1. */
  readonly opened: FileHandle[];
}

function setup(t: TestContext, disk: Disk = systemDisk): Setup {
  const root = tempDirectory(t);
  const opened: FileHandle[] = [];
  const open = async (...args: Parameters<Disk['open']>): Promise<FileHandle> => {
    const handle = await disk.open(...args);
    opened.push(handle);
    return handle;
  };
  const store = new RegionStore({ root, disk: { ...disk, open } });
  t.after(() => store.close());
  return { store, root, opened };
}

function make({ root }: Setup, name: string, bytes: Uint8Array | number): string {
  const path = join(root, name);
  writeFileSync(path, typeof bytes === 'number' ? Buffer.alloc(bytes) : bytes, { mode: 0o600 });
  return path;
}

const region = (name: string, key: string, byteSize: number, offset = 0) => ({ name, key, offset, byteSize });

function read(of: Region, at: number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  atOnce(of.read(bytes, at));
  return bytes;
}

function fails(kind: ErrorKind, text: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof ServingError);
    assert.match(error.message, text);
    assert.equal(error.kind, kind);
    return true;
  };
}

test('a part of a file is a region, read and written in place', async (t) => {
  const s = setup(t);
  const path = make(s, 'a', Buffer.from('0123456789'));
  await s.store.register(region('r', '/a', 6, 2));
  await s.store.register(region('whole', 'a', 10));
  assert.deepEqual(
    s.store.list().map(({ name, key, offset, byteSize }) => [name, key, offset, byteSize]),
    [
      ['r', '/a', 2, 6],
      ['whole', 'a', 0, 10],
    ],
  );
  const found = s.store.find('r');
  assert.equal(read(found, 0, 6).toString(), '234567');
  assert.equal(read(found, 4, 2).toString(), '67');
  assert.equal(read(found, 6, 0).length, 0);
  found.write(Buffer.from('xy'), 1);
  assert.equal(readFileSync(path, 'utf8'), '012xy56789');
});

test('many bytes go in slices of a MiB', async (t) => {
  const s = setup(t);
  const bytes = Buffer.alloc(2.5 * 2 ** 20, 'abcdefg');
  make(s, 'a', bytes.length);
  await s.store.register(region('r', 'a', bytes.length));
  const found = s.store.find('r');
  assert.equal([...writeSlices(found, bytes, 0)].length, 3);
  const copy = Buffer.alloc(bytes.length);
  assert.equal([...found.read(copy, 0)].length, 2);
  assert.ok(bytes.equals(copy));
});

test('a key is the name of a file in the root, and nothing else', async (t) => {
  const s = setup(t);
  make(s, 'a', 8);
  mkdirSync(join(s.root, 'sub'));
  writeFileSync(join(s.root, 'sub', 'b'), 'outside');
  for (const key of ['', '/', '.', '..', '/..', '//a', 'sub/b', '../a', 'a/', 'a\0', `${'x'.repeat(256)}`]) {
    await assert.rejects(s.store.register(region('r', key, 1)), fails('invalid_request', /names no shared memory/));
  }
  assert.equal(s.opened.length, 0);
  await assert.rejects(s.store.register(region('r', 'none', 1)), fails('invalid_request', /there is no .*none/));
  await assert.rejects(s.store.register(region('r', 'sub', 1)), fails('invalid_request', /is a directory/));
});

test('links, and files with a second name, are refused', async (t) => {
  const s = setup(t);
  const path = make(s, 'a', 8);
  symlinkSync(path, join(s.root, 'link'));
  symlinkSync('/dev/zero', join(s.root, 'device'));
  for (const key of ['link', 'device']) {
    await assert.rejects(s.store.register(region('r', key, 8)), fails('invalid_request', /is a link/));
  }
  linkSync(path, join(s.root, 'second'));
  await assert.rejects(s.store.register(region('r', 'a', 8)), fails('invalid_request', /2 names/));
  assert.deepEqual(s.store.list(), []);
  assert.ok(s.opened.every(({ fd }) => fd === -1));
});

test('a name that becomes a link in the moment of opening is refused', async (t) => {
  const victim = join(tempDirectory(t), 'victim');
  writeFileSync(victim, 'secret!!');
  const s = setup(t, {
    ...systemDisk,
    open: async (path, ...rest) => {
      unlinkSync(path as string);
      symlinkSync(victim, path as string);
      return systemDisk.open(path, ...rest);
    },
  });
  make(s, 'a', 8);
  await assert.rejects(s.store.register(region('r', 'a', 8)), fails('invalid_request', /ELOOP/));
});

test('a file of another user is refused', async (t) => {
  const s = setup(t, {
    ...systemDisk,
    open: async (...args) => {
      const handle = await systemDisk.open(...args);
      const { stat } = handle;
      return Object.assign(handle, {
        stat: async () => Object.assign(await stat.call(handle), { uid: 99_999 }),
      });
    },
  });
  make(s, 'a', 8);
  await assert.rejects(s.store.register(region('r', 'a', 8)), fails('invalid_request', /belongs to the user 99999/));
  assert.ok(s.opened.every(({ fd }) => fd === -1));
});

test('a region lies within its file, and has a name and bytes', async (t) => {
  const s = setup(t);
  make(s, 'a', 8);
  for (const [byteSize, offset] of [
    [9, 0],
    [8, 1],
    [1, 8],
    [Number.MAX_SAFE_INTEGER, 8],
  ] as const) {
    await assert.rejects(s.store.register(region('r', 'a', byteSize, offset)), fails('invalid_request', /which has 8/));
  }
  for (const [byteSize, offset] of [
    [0, 0],
    [1, -1],
    [2 ** 64, 0],
    [1.5, 0],
    [Number.NaN, 0],
  ] as const) {
    await assert.rejects(
      s.store.register(region('r', 'a', byteSize, offset)),
      fails('invalid_request', /send an offset of 0 or more/),
    );
  }
  for (const name of ['', 'n'.repeat(256)]) {
    await assert.rejects(s.store.register(region(name, 'a', 8)), fails('invalid_request', /1 to 255 characters/));
  }
});

test('a name is taken until it is unregistered, also while its file is opened', async (t) => {
  const s = setup(t);
  make(s, 'a', 8);
  const first = s.store.register(region('r', 'a', 8));
  await assert.rejects(s.store.register(region('r', 'a', 4)), fails('region_exists', /already in manager/));
  await first;
  await assert.rejects(s.store.register(region('r', 'a', 4)), fails('region_exists', /already in manager/));
  s.store.unregister('r');
  s.store.unregister('r');
  assert.throws(() => s.store.find('r'), fails('region_not_found', /Unable to find .*'r'/));
  await s.store.register(region('r', 'a', 4));
  assert.equal(s.store.find('r').byteSize, 4);
});

test('there are so many regions and no more', async (t) => {
  const s = setup(t);
  make(s, 'a', 8);
  for (let i = 0; i < MAX_REGIONS; i++) await s.store.register(region(`r${i}`, 'a', 8));
  await assert.rejects(s.store.register(region('more', 'a', 8)), fails('too_large', /no more are taken/));
  s.store.unregister('r7');
  await s.store.register(region('more', 'a', 8));
});

test('a file that has shrunk is an error, and is not made larger', async (t) => {
  const s = setup(t);
  const path = make(s, 'a', 8);
  await s.store.register(region('r', 'a', 8));
  truncateSync(path, 4);
  const found = s.store.find('r');
  assert.equal(read(found, 0, 4).length, 4);
  assert.throws(() => read(found, 2, 4), fails('invalid_request', /which has 4 bytes now/));
  assert.throws(() => found.write(Buffer.alloc(4), 2), fails('invalid_request', /which has 4 bytes now/));
  assert.equal(lstatSync(path).size, 4);
});

test('a region outlives its file’s name, and its registration while somebody uses it', async (t) => {
  const s = setup(t);
  const path = make(s, 'a', Buffer.from('old file'));
  await s.store.register(region('r', 'a', 8));
  rmSync(path);
  make(s, 'a', Buffer.from('new file'));
  const old = s.store.find('r').borrow();
  assert.equal(read(old, 0, 8).toString(), 'old file');
  s.store.unregister('r');
  await s.store.register(region('r', 'a', 8));
  assert.equal(read(s.store.find('r'), 0, 8).toString(), 'new file');
  assert.equal(read(old, 0, 8).toString(), 'old file');
  assert.notEqual(s.opened[0]!.fd, -1);
  old.release();
  assert.equal(s.opened[0]!.fd, -1);
});

test('the end closes all files but those in use, and one that is just being opened', async (t) => {
  const s = setup(t);
  make(s, 'a', 8);
  await s.store.register(region('idle', 'a', 8));
  await s.store.register(region('used', 'a', 8));
  const used = s.store.find('used').borrow();
  const late = s.store.register(region('late', 'a', 8));
  s.store.close();
  await late;
  assert.deepEqual(
    s.opened.map(({ fd }) => fd === -1),
    [true, false, true],
  );
  used.release();
  assert.equal(s.opened[1]!.fd, -1);
  assert.deepEqual(s.store.list(), []);
});
