/** Whether a version is another server's, which is asked of every version: without what calls that server. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';

/** In a version directory: the server and model that serve the version. */
export const REMOTE_FILE = 'remote.yaml';

/** True if the version is served by another server. */
export async function hasRemoteFile(versionDirectory: string): Promise<boolean> {
  return stat(join(versionDirectory, REMOTE_FILE)).then(
    (stats) => stats.isFile(),
    () => false,
  );
}
