/** The bound of a request log's finished files. */
import { join } from 'node:path';
import type { OwnDirectory } from '../../files/own-directory.ts';
import { finishedAmong } from './record-file-name.ts';

/**
 * Deletes the oldest finished files of a prefix until the others have at most `maxBytes`. The newest one stays. Returns
 * how many were deleted. Rejects with the system's error.
 */
export async function pruneFiles(directory: OwnDirectory, prefix: string, maxBytes: number): Promise<number> {
  if (maxBytes === Infinity) return 0;
  const { disk } = directory;
  const realPath = await directory.find();
  const names = finishedAmong(await disk.readdir(realPath), prefix);
  let bytes = 0;
  let deleted = 0;
  for (const [i, name] of names.toReversed().entries()) {
    const path = join(realPath, name);
    const found = await disk.lstat(path).catch(() => undefined);
    if (found?.isFile() !== true) continue;
    bytes += found.size;
    if (i === 0 || bytes <= maxBytes) continue;
    await disk.unlink(path);
    deleted += 1;
  }
  return deleted;
}
