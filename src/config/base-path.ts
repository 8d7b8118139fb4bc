/**
 * Base paths that cannot be what was meant: a URL, one that a shell was to complete, and the directory of one version
 * instead of its parent. Directories that a model, and the files that it names, must lie in.
 */
import { existsSync, readdirSync } from 'node:fs';
import { lstat, realpath } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join, resolve, sep } from 'node:path';
import type { ModelConfig } from './model-config.ts';

const URL_START = /^[a-z][a-z0-9+.-]*:\/\//i;
const HOME = /^(?:~|\$HOME|\$\{HOME\})(?=\/|$)/;
const UNEXPANDED = /^~[\w.-]*(?=\/|$)|\$(?:\w+|\{\w+\})/;
const VERSION_NAME = /^\d+$/;
/** The file names of the runtimes; a test holds it against those that are built in. */
const ARTIFACT = /^(?:(?:saved_)?model\..+|remote\.yaml|.+\.onnx)$/;

/** Completes "base path …"; undefined if it is fine. TensorFlow Serving reads some from the network. */
export function urlProblem(basePath: string): string | undefined {
  if (!URL_START.test(basePath)) return undefined;
  return `"${basePath}" is a URI; only local directories are read: mount it, and give its path`;
}

/**
 * Completes "base path …"; undefined if it is fine: `--model_base_path=~/m` comes as it stands, as does `$HOME/m` of a file. A
 * path that exists is meant as it is.
 */
export function unexpandedProblem(path: string): string | undefined {
  const found = UNEXPANDED.exec(path)?.[0];
  if (found === undefined || existsSync(path)) return undefined;
  const whole = HOME.test(path) ? path.replace(HOME, () => homedir()) : 'the whole path';
  return `"${path}" has ${found}, which only a shell replaces, and not after "=", in quotes or in files: write ${whole}`;
}

/**
 * Completes "base path …"; undefined if it is fine or cannot be looked at. Reads the directory if its name is a number:
 * `/models/m/123` may be a version of `/models/m`, or hold versions itself.
 */
export function versionDirectoryProblem(basePath: string): string | undefined {
  const path = resolve(basePath);
  if (!VERSION_NAME.test(basename(path))) return undefined;
  let names: readonly string[];
  try {
    names = readdirSync(path);
  } catch {
    return undefined;
  }
  const artifact = names.find((name) => ARTIFACT.test(name));
  if (artifact === undefined || names.some((name) => VERSION_NAME.test(name))) return undefined;
  return `${path} is a version itself, as it holds ${artifact}; give its parent ${dirname(path)}, which holds all versions`;
}

/** The given roots, or where callers may send lists of models their default. Undefined = there is no limit. */
export function fileRoots(
  given: readonly string[],
  models: readonly ModelConfig[],
  takesLists: boolean,
): readonly string[] | undefined {
  return given.length === 0 && !takesLists ? undefined : modelRoots(given, models);
}

/** Absolute paths: those that are given, or the parent directories of the models' base paths. */
export function modelRoots(given: readonly string[], models: readonly ModelConfig[]): readonly string[] {
  if (given.length > 0) return given.map((path) => resolve(path));
  return directoriesOf(models.map(({ basePath }) => basePath));
}

/**
 * The parent directories, each once. A path directly below "/" stands for itself, because "/" would allow everything.
 */
export function directoriesOf(paths: readonly string[]): readonly string[] {
  const directories = paths.map((path) => {
    const whole = resolve(path);
    return dirname(whole) === '/' ? whole : dirname(whole);
  });
  return [...new Set(directories)];
}

/**
 * Does the absolute path really lie under one of the roots? Links are resolved before it is compared, for the part of it that
 * exists. Rejects with the system's error.
 */
export async function liesUnder(path: string, roots: readonly string[]): Promise<boolean> {
  const real = await realPath(path);
  for (const root of roots) if (isWithin(real, await realPath(root))) return true;
  return false;
}

/** The path with its links resolved, except for the part that does not exist yet. Rejects with the system's error. */
async function realPath(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    // A link whose target is missing exists itself, and its target may be created anywhere.
    if (!isMissing || (await exists(path)) || path === dirname(path)) throw error;
    return join(await realPath(dirname(path)), basename(path));
  }
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

function isWithin(path: string, root: string): boolean {
  return path === root || path.startsWith(root.endsWith(sep) ? root : root + sep);
}
