/**
 * The file that a client's key names. A key is the name of a file directly in the root (/dev/shm), as of shm_open(3):
 * it leads nowhere else. The file must be a plain one with one name, of this process's user or of root
 * (files/own-file.ts), and be as large as the region says.
 */
import { Buffer } from 'node:buffer';
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { invalidRequest, type ServingError } from '../../core/errors.ts';
import { cutName, quoteName } from '../../core/list-names.ts';
import type { Disk } from '../../files/disk.ts';
import { openOwnFile } from '../../files/own-file.ts';
import type { RegionDescription } from './region.ts';

/** The longest name in a directory of Linux. */
const MAX_KEY_BYTES = 255;

/** Rejects with `invalid_request`, and leaves nothing open then. */
export async function openRegionFile(disk: Disk, root: string, wanted: RegionDescription): Promise<FileHandle> {
  const path = join(root, fileNameOf(wanted.key));
  let file: FileHandle;
  try {
    file = await openOwnFile(disk, path, constants.O_RDWR);
  } catch (error) {
    throw notOpened(wanted.key, path, error as NodeJS.ErrnoException);
  }
  try {
    const { size } = await file.stat();
    const end = wanted.offset + wanted.byteSize;
    if (end <= size) return file;
    throw invalidRequest(
      `failed to register shared memory region ${quoteName(wanted.name)}: it ends at byte ${end} of ${path}, which has ` +
        `${size}; send an offset and a byte_size within the file`,
    );
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** Throws `invalid_request` for a key that could be more than a file's name. */
function fileNameOf(key: string): string {
  const name = key.startsWith('/') ? key.slice(1) : key;
  const isName = name !== '' && name !== '.' && name !== '..' && !/[/\0]/.test(name);
  if (isName && Buffer.byteLength(name) <= MAX_KEY_BYTES) return name;
  throw invalidRequest(
    `the key ${quoteName(key)} names no shared memory; send the name of a file in /dev/shm, of 1 to ${MAX_KEY_BYTES} ` +
      'bytes, with at most one slash, in front',
  );
}

function notOpened(key: string, path: string, { code, message }: NodeJS.ErrnoException): ServingError {
  const text = `Unable to open shared memory region: '${cutName(key)}'`;
  if (code === 'ENOENT')
    return invalidRequest(`${text}: there is no ${path}; make it first, where this server sees it`);
  if (code === 'EACCES' || code === 'EPERM') {
    return invalidRequest(`${text}: this server's user may not read and write ${path}; run both as one user`);
  }
  return invalidRequest(`${text}: ${code ?? message}`);
}
