/** The files that a model's process sees: those of its model, of the runtimes and of the system's libraries. */
import { existsSync, readdirSync, readlinkSync, realpathSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve, sep } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import type { ModelFiles } from '../../backends/host/process/sandbox.ts';
import { ONNX_MODULE } from '../../backends/import-backend.ts';
import { nativesDirectory } from '../../backends/natives-directory.ts';
import { ServingError } from '../../core/errors.ts';

/** A file or directory, and the path that shows it. Both are absolute. */
export interface Mount {
  readonly from: string;
  readonly at: string;
}

/** Not all of /usr and /etc: applications keep files there, too. */
const SYSTEM_PATHS = [
  ...['/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/nix/store', '/gnu/store', '/sys'],
  ...['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32', 'libexec', 'local', 'share'].map((name) => `/usr/${name}`),
  ...['alternatives', 'ld.so.cache', 'ld.so.conf', 'ld.so.conf.d', 'localtime', 'ssl/openssl.cnf'].map(
    (name) => `/etc/${name}`,
  ),
];

/** The mounts of every process: the system's libraries, Node, Pillion with its packages, TensorFlow, and `readable`. */
export function commonMounts(readable: readonly string[]): readonly Mount[] {
  const libraries = `${process.env['LD_LIBRARY_PATH'] ?? ''}:${process.env['LD_PRELOAD'] ?? ''}`.split(/[:\s]/);
  const paths = [
    ...SYSTEM_PATHS,
    process.execPath,
    ...ownPaths(),
    nativesDirectory(),
    ...libraries.filter((path) => isAbsolute(path)),
    ...readable,
  ];
  return paths.map((path) => resolve(path)).flatMap(mountOf);
}

/** The mounts that the models need besides. Throws `load_failed` for a link to a place that is not theirs. */
export function modelMounts(files: ModelFiles, readable: readonly string[]): readonly Mount[] {
  const { versions, basePaths, backends } = files;
  return [
    ...plugInMounts(backends),
    ...[...basePaths, ...versions].map((path) => resolve(path)).flatMap(mountOf),
    ...versions.flatMap((version) => linkMounts(resolve(version), readable)),
  ];
}

/** The packages of those backends that are plug-ins, and the packages that these import. */
export function plugInMounts(backends: ModelFiles['backends']): readonly Mount[] {
  return backends.flatMap(plugInPaths).flatMap(mountOf);
}

/** True if a process with `mounts` sees the `wanted` ones. */
export function shows(mounts: readonly Mount[], wanted: readonly Mount[]): boolean {
  return wanted.every((want) => mounts.some(({ from, at }) => isWithin(want.at, at) && isWithin(want.from, from)));
}

function mountOf(at: string): readonly Mount[] {
  return existsSync(at) ? [{ from: realpathSync(at), at }] : [];
}

/** Pillion's compiled code. */
const OWN_CODE = fileURLToPath(new URL('../..', import.meta.url));

/** Pillion's code, without what else may lie in a checkout, and the packages that it imports. */
function ownPaths(): readonly string[] {
  return [OWN_CODE, join(packageOf(OWN_CODE), 'package.json'), ...packagesFor(OWN_CODE)];
}

/** The plug-in's whole package: which files it imports is not known. Nothing for a module of Pillion's own. */
function plugInPaths(module: string): readonly string[] {
  if (module === ONNX_MODULE) return [];
  try {
    const file = fileURLToPath(import.meta.resolve(module));
    if (isWithin(file, resolve(OWN_CODE))) return [];
    const directory = dirname(realpathSync(file));
    return [packageOf(directory), ...packagesFor(directory)];
  } catch {
    // The process reports what it cannot import.
    return [];
  }
}

/** The nearest directory with a package.json; the directory itself if there is none. */
function packageOf(directory: string): string {
  return [directory, ...parentsOf(directory)].find((path) => existsSync(join(path, 'package.json'))) ?? directory;
}

/** The directories where Node looks for the packages that a module in the directory imports. */
function packagesFor(directory: string): readonly string[] {
  return [directory, ...parentsOf(directory)].map((path) => join(path, 'node_modules'));
}

function parentsOf(path: string): readonly string[] {
  const parent = dirname(path);
  return parent === path ? [] : [parent, ...parentsOf(parent)];
}

/**
 * The targets of links that lead out of a version directory: to another version of the model, or to what `readable`
 * names. Others are refused: who packs a model could make one to a secret of the machine.
 */
function linkMounts(directory: string, readable: readonly string[]): readonly Mount[] {
  if (!existsSync(directory)) return [];
  const own = realpathSync(directory);
  const allowed = [own, dirname(own), ...readable.filter((path) => existsSync(path)).map((path) => realpathSync(path))];
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  return entries.flatMap((entry): readonly Mount[] => {
    const link = join(entry.parentPath, entry.name);
    if (!entry.isSymbolicLink() || !existsSync(link)) return [];
    const from = realpathSync(link);
    const at = resolve(dirname(link), readlinkSync(link));
    // A link to another link of the directory: that one counts.
    if (isWithin(from, own) || isWithin(at, directory)) return [];
    if (allowed.some((path) => isWithin(from, path))) return [{ from, at }];
    const text = `"${link}" is a link to "${from}", which a model's process must not see`;
    throw new ServingError(
      'load_failed',
      `${text}; put the file into the version directory, or name its directory with --sandbox_read`,
    );
  });
}

function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith(sep) ? directory : directory + sep);
}
