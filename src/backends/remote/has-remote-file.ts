/** Tells versions of other servers. Every version is asked, so this loads nothing that calls a server. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';

/** The file in a version directory that names the server and model that serve the version. */
export const REMOTE_FILE = 'remote.yaml';

/** True if the version is served by another server. */
export async function hasRemoteFile(versionDirectory: string): Promise<boolean> {
  return stat(join(versionDirectory, REMOTE_FILE)).then(
    (stats) => stats.isFile(),
    () => false,
  );
}
