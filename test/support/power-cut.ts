/**
 * Power cuts. A disk that records what writers do to it, and the states in which a cut may leave the disk after each of
 * those operations, as ext4 and xfs permit:
 *
 *   names    creating, renaming and removing reach the disk in their order, at the latest at a sync of their directory
 *   content  of each file, whatever was not synced: none, all, half of the last write, zeros, or the last write alone;
 *            names do not wait for it, so a renamed file may be empty
 */
import { Buffer } from 'node:buffer';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import type { TestContext } from 'node:test';
import { TfRecordReader } from '../../src/codec/tfrecord/tf-record-reader.ts';
import { type Disk, systemDisk } from '../../src/files/disk.ts';
import { tempDirectory } from './temp-directory.ts';

type NameChange =
  | { readonly kind: 'create'; readonly path: string; readonly inode: number }
  | { readonly kind: 'rename'; readonly path: string; readonly to: string }
  | { readonly kind: 'unlink' | 'mkdir'; readonly path: string };
type ContentChange =
  | { readonly kind: 'write'; readonly inode: number; readonly at: number; readonly bytes: Buffer }
  | { readonly kind: 'truncate'; readonly inode: number; readonly length: number };
type Operation =
  | NameChange
  | ContentChange
  | { readonly kind: 'sync'; readonly inode: number }
  | { readonly kind: 'syncDirectory'; readonly path: string };

type Loss = 'none' | 'all' | 'torn' | 'zeros' | 'last';
const LOSSES: readonly Loss[] = ['none', 'all', 'torn', 'zeros', 'last'];

/** The state that a cut left: paths below the root with their contents. */
interface CutState {
  /** Operations before the cut. */
  readonly after: number;
  readonly files: ReadonlyMap<string, Buffer>;
  readonly directories: readonly string[];
}

export class RecordingDisk {
  readonly #root: string;
  readonly #before = new Map<string, Buffer>();
  readonly #directories: string[] = [];
  readonly #inodes = new Map<string, number>();
  readonly operations: Operation[] = [];
  #nextInode = 0;
  readonly disk: Disk;

  /** Files that are below `root` already are on the disk. */
  constructor(root: string) {
    this.#root = root;
    for (const name of readdirSync(root, { recursive: true, encoding: 'utf8' })) {
      if (statSync(join(root, name)).isDirectory()) {
        this.#directories.push(name);
        continue;
      }
      this.#before.set(name, readFileSync(join(root, name)));
      this.#inodes.set(name, this.#nextInode++);
    }
    this.disk = {
      ...systemDisk,
      open: (async (path: string, flags: number, mode?: number) => {
        const handle = await systemDisk.open(path, flags, mode);
        return (await handle.stat()).isDirectory() ? this.#directory(path, handle) : this.#file(path, handle);
      }) as Disk['open'],
      mkdir: (async (path: string, options: object) => {
        const first = await systemDisk.mkdir(path, { ...options, recursive: true });
        if (first !== undefined) {
          const made: string[] = [];
          for (let each = path; each.length >= first.length; each = dirname(each)) made.unshift(each);
          for (const each of made) this.operations.push({ kind: 'mkdir', path: this.#name(each) });
        }
        return first;
      }) as Disk['mkdir'],
      rename: async (from, to) => {
        await systemDisk.rename(from, to);
        const [path, target] = [this.#name(from as string), this.#name(to as string)];
        this.#inodes.set(target, this.#inodes.get(path)!);
        this.#inodes.delete(path);
        this.operations.push({ kind: 'rename', path, to: target });
      },
      unlink: async (path) => {
        await systemDisk.unlink(path);
        this.#inodes.delete(this.#name(path as string));
        this.operations.push({ kind: 'unlink', path: this.#name(path as string) });
      },
    };
  }

  /** Every state after every operation, each once. */
  *states(): Generator<CutState> {
    const seen = new Set<string>();
    for (let after = 0; after <= this.operations.length; after++) {
      const done = this.operations.slice(0, after);
      const names = done.filter((each): each is NameChange => 'path' in each && each.kind !== 'syncDirectory');
      for (let kept = this.#namesOnDisk(done, names); kept <= names.length; kept++) {
        const inodes = this.#namespace(names.slice(0, kept));
        for (const contents of this.#contents(done, [...new Set(inodes.files.values())])) {
          const files = new Map([...inodes.files].map(([path, inode]) => [path, contents.get(inode)!]));
          const key = `${after} ${JSON.stringify([...files].map(([path, bytes]) => [path, bytes.toString('latin1')]))}`;
          if (seen.has(key)) continue;
          seen.add(key);
          yield { after, files, directories: inodes.directories };
        }
      }
    }
  }

  #file(path: string, handle: FileHandle): FileHandle {
    const name = this.#name(path);
    let inode = this.#inodes.get(name);
    if (inode === undefined) {
      inode = this.#nextInode++;
      this.#inodes.set(name, inode);
      this.operations.push({ kind: 'create', path: name, inode });
    }
    const id = inode;
    const wrote = (at: number, bytes: Buffer): void => {
      this.operations.push({ kind: 'write', inode: id, at, bytes: Buffer.from(bytes) });
    };
    const synced = (): number => this.operations.push({ kind: 'sync', inode: id });
    return {
      stat: () => handle.stat(),
      read: (bytes: Buffer, offset: number, length: number, at: number) => handle.read(bytes, offset, length, at),
      close: () => handle.close(),
      write: async (bytes: Buffer, offset: number, length: number, at: number) => {
        const done = await handle.write(bytes, offset, length, at);
        wrote(at, bytes.subarray(offset, offset + done.bytesWritten));
        return done;
      },
      writev: async (buffers: readonly Buffer[], at: number) => {
        const done = await handle.writev(buffers, at);
        wrote(at, Buffer.concat(buffers));
        return done;
      },
      writeFile: async (content: string | Uint8Array) => {
        await handle.writeFile(content);
        wrote(0, Buffer.from(content as string));
      },
      truncate: async (length: number) => {
        await handle.truncate(length);
        this.operations.push({ kind: 'truncate', inode: id, length });
      },
      datasync: () => handle.datasync().then(synced),
      sync: () => handle.sync().then(synced),
    } as unknown as FileHandle;
  }

  #directory(path: string, handle: FileHandle): FileHandle {
    const sync = async (): Promise<void> => {
      await handle.sync();
      this.operations.push({ kind: 'syncDirectory', path: this.#name(path) });
    };
    return { sync, close: () => handle.close() } as unknown as FileHandle;
  }

  #name(path: string): string {
    return relative(this.#root, path) || '.';
  }

  /** How many of the changes of names a cut cannot undo. */
  #namesOnDisk(done: readonly Operation[], names: readonly NameChange[]): number {
    let kept = 0;
    for (const [i, each] of done.entries()) {
      if (each.kind !== 'syncDirectory') continue;
      const before = new Set<Operation>(done.slice(0, i));
      kept = Math.max(kept, names.findLastIndex((name) => before.has(name) && dirname(name.path) === each.path) + 1);
    }
    return kept;
  }

  #namespace(names: readonly NameChange[]) {
    const files = new Map([...this.#before.keys()].map((name, i) => [name, i]));
    const directories = [...this.#directories];
    for (const each of names) {
      if (each.kind === 'mkdir') directories.push(each.path);
      else if (each.kind === 'create') files.set(each.path, each.inode);
      else {
        const inode = files.get(each.path)!;
        files.delete(each.path);
        if (each.kind === 'rename') files.set(each.to, inode);
      }
    }
    return { files, directories };
  }

  /** The contents that the files may have. */
  *#contents(done: readonly Operation[], inodes: readonly number[]): Generator<Map<number, Buffer>> {
    const [inode, ...others] = inodes;
    if (inode === undefined) {
      yield new Map();
      return;
    }
    const changes = done.filter((each) => 'inode' in each && each.inode === inode && each.kind !== 'create');
    const syncedAt = changes.findLastIndex(({ kind }) => kind === 'sync');
    const isChange = (each: Operation): each is ContentChange => each.kind === 'write' || each.kind === 'truncate';
    const onDisk = changes.slice(0, syncedAt + 1).filter(isChange);
    const open = changes.slice(syncedAt + 1).filter(isChange);
    const start = applied([...this.#before.values()][inode] ?? Buffer.alloc(0), onDisk);
    for (const rest of this.#contents(done, others)) {
      for (const loss of open.length === 0 ? (['none'] as const) : LOSSES) {
        yield new Map([[inode, left(start, open, loss)], ...rest]);
      }
    }
  }
}

/** Writes a state below `root`, which must be empty. */
function materialize(root: string, { files, directories }: CutState): void {
  for (const directory of directories) mkdirSync(join(root, directory), { recursive: true });
  for (const [path, bytes] of files) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), bytes);
  }
}

function left(start: Buffer, open: readonly ContentChange[], loss: Loss): Buffer {
  const last = open.at(-1)!;
  switch (loss) {
    case 'none':
      return start;
    case 'all':
      return applied(start, open);
    case 'last':
      return applied(start, [last]);
    case 'torn': {
      if (last.kind === 'truncate') return applied(start, open.slice(0, -1));
      const half = last.bytes.subarray(0, Math.ceil(last.bytes.length / 2));
      return applied(start, [...open.slice(0, -1), { ...last, bytes: half }]);
    }
    case 'zeros':
      return applied(
        start,
        open.map((each) => (each.kind === 'write' ? { ...each, bytes: Buffer.alloc(each.bytes.length) } : each)),
      );
  }
}

function applied(start: Buffer, changes: readonly ContentChange[]): Buffer {
  let bytes = start;
  for (const change of changes) {
    if (change.kind === 'truncate') {
      bytes = Buffer.concat([bytes, Buffer.alloc(Math.max(0, change.length - bytes.length))]).subarray(
        0,
        change.length,
      );
      continue;
    }
    const grown = Buffer.alloc(Math.max(bytes.length, change.at + change.bytes.length));
    bytes.copy(grown);
    change.bytes.copy(grown, change.at);
    bytes = grown;
  }
  return bytes;
}

/** Calls `check` with a directory that holds each state. Returns how many there were. */
export async function eachState(
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

/** The records of a file of texts. */
export function textsIn(path: string): string[] {
  const reader = new TfRecordReader({ maxRecordBytes: 1000 });
  reader.push(readFileSync(path));
  const texts: string[] = [];
  for (let record = reader.next(); record !== undefined; record = reader.next()) {
    texts.push(Buffer.from(record.data).toString());
  }
  reader.end();
  return texts;
}
