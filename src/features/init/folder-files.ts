/**
 * The files below a folder that a user names. It may be any folder, named by mistake: /, /proc, a home. So what is looked at
 * is bounded, nothing but regular files is taken, and no symbolic link leads out of the folder, unless its file is named
 * as well:
 *
 *   exported/saved_model.pb                        taken
 *   exported/assets -> variables                   passed over: its files are found where they are
 *   snapshot/model.onnx -> ../../blobs/83ab…       refused, or taken where snapshot/model.onnx is a further word
 */
import type { Dirent } from 'node:fs';
import { opendir, realpath, stat, statfs } from 'node:fs/promises';
import { join, resolve, sep } from 'node:path';

/** A folder of more files and folders was named by mistake. */
const MAX_ENTRIES = 10_000;
/** Types of file systems, as statfs(2) numbers them, whose files are made up by the kernel when they are read. */
const KERNEL_FILES: ReadonlyMap<number, string> = new Map([
  [0x9fa0, 'proc'],
  [0x62656572, 'sysfs'],
  [0x64626720, 'debugfs'],
  [0x74726163, 'tracefs'],
  [0x63677270, 'cgroup'],
]);

/**
 * The paths of regular files below `directory`, with it in front. `named`: links that may lead anywhere. Rejects with an
 * Error that names what is no part of a model.
 */
export async function filesBelow(directory: string, named: readonly string[]): Promise<readonly string[]> {
  await refuseKernelFiles(directory);
  const root = await realpath(directory);
  const mayLeave = new Set(named.map((each) => resolve(each)));
  const files: string[] = [];
  const folders = [directory];
  let seen = 0;
  for (const folder of folders) {
    for await (const entry of await opendir(folder)) {
      seen += 1;
      if (seen > MAX_ENTRIES)
        throw new Error(`${directory}: more than ${MAX_ENTRIES} files are no model; name its folder`);
      const path = join(folder, entry.name);
      // Kubernetes keeps the files of a mounted volume in such a folder, with links to them beside it.
      if (entry.isDirectory() && !entry.name.startsWith('..')) folders.push(path);
      else if (!entry.isDirectory() && (await isTaken(path, entry, root, mayLeave))) files.push(path);
    }
  }
  return files.sort();
}

/** Rejects with an Error for a path whose files the kernel makes up: some wait for ever, some have no end. */
export async function refuseKernelFiles(path: string): Promise<void> {
  const kind = KERNEL_FILES.get((await statfs(path)).type);
  if (kind !== undefined) throw new Error(`${path}: is a file of the kernel (${kind}), and no model`);
}

async function isTaken(path: string, entry: Dirent, root: string, mayLeave: ReadonlySet<string>): Promise<boolean> {
  if (entry.isFile()) return true;
  if (!entry.isSymbolicLink()) throw new Error(`${path}: is ${kindOf(entry)}, and no part of a model; move it away`);
  const target = await realpath(path).catch(() => undefined);
  if (target === undefined) throw new Error(`${path}: is a link to a file that is not there`);
  const isInside = target === root || target.startsWith(root === sep ? sep : root + sep);
  if (!isInside && !mayLeave.has(resolve(path))) {
    throw new Error(
      `${path}: is a link out of the folder, to ${target}; give ${path} as a further word if it belongs to the model`,
    );
  }
  const stats = await stat(target);
  if (stats.isFile()) return true;
  if (stats.isDirectory() && isInside) return false;
  throw new Error(
    `${path}: is a link to ${stats.isDirectory() ? 'a folder elsewhere' : 'what is no file'}; give its files`,
  );
}

function kindOf(entry: Dirent): string {
  if (entry.isFIFO()) return 'a pipe';
  if (entry.isSocket()) return 'a socket';
  return entry.isBlockDevice() || entry.isCharacterDevice() ? 'a device' : 'no file';
}
