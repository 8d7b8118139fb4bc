/**
 * Opens files that the server itself writes, in directories where others may write too. A name may have been taken by a
 * link, a FIFO, a device or somebody else's file: nothing is opened but a plain file, and a new file is really new.
 */
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import process from 'node:process';
import type { Disk } from './disk.ts';

/** Files hold people's requests, or what the server believes: for its own user alone. */
export const FILE_MODE = 0o600;

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_WRONLY } = constants;

/** Creates a file to write. Rejects with EEXIST if the name is taken, by a link without a target too. */
export function createFile(disk: Disk, path: string, mode = FILE_MODE): Promise<FileHandle> {
  return disk.open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
}

/**
 * Opens a file that the server wrote before. `flags`: O_RDONLY or O_RDWR. Never waits for the other end of a FIFO.
 * Rejects with the system's error, or with one that names what the path is instead: a link, no plain file, a file with a
 * second name, or one that belongs neither to this process's user, nor to root, nor to the directory's owner.
 */
export async function openOwnFile(disk: Disk, path: string, flags: number): Promise<FileHandle> {
  const { uid: directoryOwner } = await disk.lstat(dirname(path));
  // A device may act when it is opened.
  requirePlainFile(path, await disk.lstat(path));
  const handle = await disk.open(path, flags | O_NOFOLLOW | O_NONBLOCK);
  try {
    const found = await handle.stat();
    requirePlainFile(path, found);
    if (found.nlink !== 1) throw fileError(path, `${path} has ${found.nlink} names (hard links); remove it`);
    if (![0, process.geteuid?.() ?? found.uid, directoryOwner].includes(found.uid)) {
      throw fileError(path, `${path} belongs to the user ${found.uid}, who does not own its directory; remove it`);
    }
    return handle;
  } catch (error) {
    await handle.close();
    throw error;
  }
}

/** Rejects if the path exists and is no plain file: renaming a file to it would remove a link or a device. */
export async function requireReplaceable(disk: Disk, path: string): Promise<void> {
  const found = await disk.lstat(path).catch(() => undefined);
  if (found !== undefined) requirePlainFile(path, found);
}

interface Found {
  isFile(): boolean;
  isSymbolicLink(): boolean;
  isDirectory(): boolean;
}

function requirePlainFile(path: string, found: Found): void {
  if (found.isFile()) return;
  const what = found.isSymbolicLink() ? 'a link' : found.isDirectory() ? 'a directory' : 'a FIFO, socket or device';
  throw fileError(path, `${path} is ${what}, and a plain file is wanted; remove it or choose another name`);
}

/** An error with `path`, as the system's have. */
export function fileError(path: string, text: string, code?: string): NodeJS.ErrnoException {
  return Object.assign(new Error(text), { path, ...(code !== undefined && { code }) });
}
