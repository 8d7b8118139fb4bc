/**
 * Writes a whole file so that a reader, also one after a power cut, finds either the old content or the new one:
 *
 *   draft created ─▶ written ─▶ on the disk ─▶ renamed ─▶ the new name is on the disk
 */
import { randomBytes } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import type { OwnDirectory } from './own-directory.ts';
import { createFile, requireReplaceable } from './own-file.ts';

/** A draft's name ends with it. One that is there for long was left by a process that died. */
export const DRAFT = '.draft';

/** `directory` must exist. Rejects with the reason; the file is as it was then. */
export async function replaceFile(directory: OwnDirectory, name: string, content: string | Uint8Array): Promise<void> {
  const { disk } = directory;
  const realPath = await directory.find();
  await directory.requireRoom();
  const path = join(realPath, name);
  await requireReplaceable(disk, path);
  const draft = draftOf(path);
  const handle = await createFile(disk, draft);
  try {
    try {
      await handle.writeFile(content);
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await disk.rename(draft, path);
  } catch (error) {
    await disk.unlink(draft).catch(() => undefined);
    throw error;
  }
  await directory.sync();
}

/** A hidden name beside `path` that nobody can know before. */
export function draftOf(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(8).toString('hex')}${DRAFT}`);
}
