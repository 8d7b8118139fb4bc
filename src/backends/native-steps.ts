/**
 * The common parts of the commands `pillion natives …`: steps that are done once, what a machine must have, and wheels
 * of PyPI. A recipe is a folder of scripts/natives; each line of its requirements.txt pins a wheel by version and hash.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

/** Gets lines about the progress. */
export type Tell = (text: string) => void;

/** Libraries that `pillion natives NAME` fetches. */
export interface NativeLibraries {
  readonly name: string;
  /** Its line of `pillion help`. */
  readonly usage: string;
  /** Its part of --help: what they are for, and how much they take. */
  readonly help: string;
  /** The folder, made if it is not there. Rejects with an Error that says all that is missing if it cannot be. */
  prepare(tell: Tell): Promise<string>;
}

/** Libraries that a recipe prepares, for the texts. */
export interface Natives {
  /** The recipe's folder. */
  readonly recipe: string;
  /** "TensorFlow's libraries". */
  readonly what: string;
  /** The constant that names their folder. */
  readonly constant: string;
}

/** A step of an installation. */
export interface Step {
  /** The name of the file that says that the step is done. */
  readonly name: string;
  readonly title: string;
  readonly action: (directory: string) => void;
}

/**
 * The folder `parent`/`name`, made by `prepare` in another one if it is not there, which is then renamed. One process
 * at a time: the others wait, and take what it has made. The lock is the system's, on the open parent directory, so
 * that it ends with the process that has it.
 */
export function prepareOnce(parent: string, name: string, tell: Tell, prepare: (unfinished: string) => void): string {
  const directory = join(parent, name);
  if (existsSync(directory)) return directory;
  mkdirSync(parent, { recursive: true });
  const lock = openSync(parent, 'r');
  try {
    waitForLock(lock, parent, tell);
    if (existsSync(directory)) return directory;
    const unfinished = `${directory}.unfinished`;
    mkdirSync(unfinished, { recursive: true });
    prepare(unfinished);
    renameSync(unfinished, directory);
    return directory;
  } finally {
    closeSync(lock);
  }
}

/** Node cannot lock a file itself. The command locks what it inherits as descriptor 3, which is ours, too. */
function waitForLock(descriptor: number, parent: string, tell: Tell): void {
  const flock = (...options: readonly string[]): number | null =>
    spawnSync('flock', [...options, '3'], { stdio: ['ignore', 'ignore', 'inherit', descriptor] }).status;
  if (flock('--nonblock') === 0) return;
  refuseWhat('libraries', [
    unsupportedPlatform(),
    !works('flock', '--version') && 'flock (Debian: apt-get install util-linux)',
  ]);
  tell(`Waiting: another process prepares libraries in ${parent}`);
  if (flock() !== 0) throw new Error(`${parent} cannot be locked; PILLION_NATIVES_DIRECTORY names another place`);
}

/** Does the steps that are not done yet. */
export function doSteps(directory: string, steps: readonly Step[], tell: Tell): void {
  for (const [index, { name, title, action }] of steps.entries()) {
    const stamp = join(directory, `.done-${name}`);
    if (existsSync(stamp)) continue;
    tell(`  ${index + 1} of ${steps.length}: ${title}`);
    action(directory);
    writeFileSync(stamp, '');
  }
}

/** A recipe's file, from the package's root (the tests' build lies one folder deeper). */
export function recipeFile(name: string, file = ''): string {
  const inPackage = fileURLToPath(new URL(`../../scripts/natives/${name}`, import.meta.url));
  const directory = existsSync(inPackage)
    ? inPackage
    : fileURLToPath(new URL(`../../../scripts/natives/${name}`, import.meta.url));
  return join(directory, file);
}

/** Whoever changes the recipe changes the folder's name, so that nobody goes on with natives made by another. */
export function checkName({ recipe, what, constant }: Natives, folder: string, options: readonly unknown[] = []): void {
  const hash = createHash('sha256');
  for (const file of readdirSync(recipeFile(recipe)).sort()) {
    hash.update(`${file}\0`).update(readFileSync(recipeFile(recipe, file)));
  }
  hash.update(JSON.stringify(options));
  const wanted = hash.digest('hex').slice(0, 8);
  if (folder.endsWith(`-${wanted}`)) return;
  throw new Error(`how ${what} are prepared has changed; end ${constant} with -${wanted}`);
}

/** The platform that natives want, where this one is another. */
export function unsupportedPlatform(): string | undefined {
  const { platform, arch } = process;
  if (platform !== 'linux' || arch !== 'x64') return `Linux on x86-64 (this is ${platform} on ${arch})`;
  const { header } = process.report.getReport() as { readonly header?: { readonly glibcVersionRuntime?: string } };
  return header?.glibcVersionRuntime === undefined ? 'a Linux with glibc (this one has another C library)' : undefined;
}

/** The command can be run, and ends well. */
export function works(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}

/** pip, if it is not there. */
export function missingPip(): string | undefined {
  return works('python3', '-m', 'pip', '--version')
    ? undefined
    : 'python3 with pip (Debian: apt-get install python3-pip)';
}

/** The disk space, if there is less. */
export function missingDisk(directory: string, bytes: number): string | undefined {
  const { bavail, bsize } = statfsSync(directory);
  const free = bavail * bsize;
  if (free >= bytes) return undefined;
  const text = `${bytes / 1e9} GB of disk under ${directory} (there are ${free / 1e9})`;
  return `${text}; PILLION_NATIVES_DIRECTORY names another place`;
}

/** Throws if something is missing, with all of it. */
export function refuseWhat(what: string, missing: readonly (string | false | undefined)[]): void {
  const all = missing.filter((each) => each !== false && each !== undefined);
  if (all.length === 0) return;
  throw new Error([`${what} cannot be prepared; this is missing:`, ...all].join('\n  - '));
}

/** Shows the command's output. Throws if it fails. */
export function run(
  command: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): void {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', ...options });
  if (error === undefined && status === 0) return;
  throw new Error(`${command} ${args.join(' ')} failed: ${error?.message ?? `exit status ${status}`}`);
}

const FOR_ANY_WHEEL = ['--no-deps', '--require-hashes', '--only-binary=:all:', '--disable-pip-version-check'];

/** Downloads the pip of the recipe by the machine's: it goes on after a broken connection. */
export function fetchPip(recipe: string, directory: string): void {
  downloadBy(['-m', 'pip'], recipe, directory, 'pip', ['--quiet']);
}

/** Downloads a wheel of the recipe by the pip that `fetchPip` has fetched. `options`: whose wheel it is. */
export function download(recipe: string, directory: string, name: string, options: readonly string[]): void {
  const pip = [join(wheelOf(directory, 'pip'), 'pip')];
  downloadBy(pip, recipe, directory, name, [...options, '--resume-retries=20', '--no-cache-dir']);
}

function downloadBy(
  pip: readonly string[],
  recipe: string,
  directory: string,
  name: string,
  options: readonly string[],
): void {
  const requirements = readFileSync(recipeFile(recipe, 'requirements.txt'), 'utf8').split('\n');
  const list = join(directory, `${name}.txt`);
  writeFileSync(list, requirements.find((line) => line.startsWith(`${name}==`))!);
  run('python3', [...pip, 'download', ...FOR_ANY_WHEEL, ...options, '-d', directory, '-r', list]);
}

/** The path of a downloaded wheel. */
export function wheelOf(directory: string, name: string): string {
  return join(directory, readdirSync(directory).find((file) => file.startsWith(`${name}-`) && file.endsWith('.whl'))!);
}
