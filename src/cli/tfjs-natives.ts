/**
 * `pillion natives tfjs`: tfjs-node and libtensorflow, for models of TensorFlow's formats:
 *
 *   1 npm packages, without their install scripts     scripts/natives/tfjs/package-lock.json
 *   2 the wheel that carries libtensorflow            requirements.txt
 *   3 its two libraries and C headers                 unpack.py
 *   4 the binding, with our fixes, compiled           binding.patch, session_run.cc
 *   5 loaded once
 *
 * All that is fetched is pinned by a hash. The work happens beside the folder, which is renamed when all is done; what
 * is interrupted goes on with the step that it was at.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { nativesDirectory, TFJS_NATIVES } from '../backends/tfjs/natives.ts';

const COMPILE = ['-std=c++17', '-O2', '-fPIC', '-shared', '-DNAPI_VERSION=8'];
/**
 * The run-time path is relative: the folder can be moved. nodelete: libtensorflow leaves work for the end of the process,
 * which must be there then, though the thread that loaded it is gone.
 */
const LINK = [
  '-l:libtensorflow_cc.so.2',
  '-l:libtensorflow_framework.so.2',
  '-Wl,-rpath,$ORIGIN/../../deps/lib',
  '-Wl,-z,nodelete',
];
/** On disk while it is made: wheel, libraries, packages. */
const NEEDED_BYTES = 1.5e9;

type Tell = (text: string) => void;

/** The folder of the natives, made if it is not there. Throws an Error with all that is missing if it cannot be. */
export function prepareTfjsNatives(tell: Tell, parent = nativesDirectory()): string {
  checkName();
  const directory = join(parent, TFJS_NATIVES);
  if (existsSync(directory)) return directory;
  const unfinished = `${directory}.unfinished`;
  mkdirSync(unfinished, { recursive: true });
  checkMachine(unfinished);
  tell(`Preparing TensorFlow's libraries in ${directory} (fetches 350 MB, takes 1.1 GB; about a minute)`);
  for (const [index, step] of STEPS.entries()) doStep(unfinished, `${index + 1} of ${STEPS.length}`, step, tell);
  renameSync(unfinished, directory);
  return directory;
}

/** The recipe's files, from the package's root (the tests' build lies one folder deeper). */
function recipe(file = ''): string {
  const inPackage = fileURLToPath(new URL('../../scripts/natives/tfjs', import.meta.url));
  const directory = existsSync(inPackage)
    ? inPackage
    : fileURLToPath(new URL('../../../scripts/natives/tfjs', import.meta.url));
  return join(directory, file);
}

/** Whoever changes the recipe changes the name, so that nobody goes on with natives made by another. */
function checkName(): void {
  const hash = createHash('sha256');
  for (const file of readdirSync(recipe()).sort()) hash.update(`${file}\0`).update(readFileSync(recipe(file)));
  hash.update(JSON.stringify([COMPILE, LINK]));
  const wanted = hash.digest('hex').slice(0, 8);
  if (TFJS_NATIVES.endsWith(`-${wanted}`)) return;
  throw new Error(
    `how TensorFlow's libraries are prepared has changed; end TFJS_NATIVES in src/backends/tfjs/natives.ts with -${wanted}`,
  );
}

/** The platform that they want, where this one is another. */
export function unsupportedPlatform(): string | undefined {
  const { platform, arch } = process;
  if (platform !== 'linux' || arch !== 'x64') return `Linux on x86-64 (this is ${platform} on ${arch})`;
  const { header } = process.report.getReport() as { readonly header?: { readonly glibcVersionRuntime?: string } };
  return header?.glibcVersionRuntime === undefined ? 'a Linux with glibc (this one has another C library)' : undefined;
}

/** Throws with all that is missing, at once. */
function checkMachine(directory: string): void {
  const works = (command: string, ...args: string[]) => spawnSync(command, args, { stdio: 'ignore' }).status === 0;
  const { bavail, bsize } = statfsSync(directory);
  const missing = [
    unsupportedPlatform(),
    !works('g++', '--version') && 'g++, a C++17 compiler (Debian: apt-get install g++)',
    !works('patch', '--version') && 'patch (Debian: apt-get install patch)',
    !works('python3', '-m', 'pip', '--version') && 'python3 with pip (Debian: apt-get install python3-pip)',
    bavail * bsize < NEEDED_BYTES &&
      `${NEEDED_BYTES / 1e9} GB of disk under ${directory} (there are ${(bavail * bsize) / 1e9}); PILLION_NATIVES_DIRECTORY names another place`,
  ].filter(Boolean);
  if (missing.length === 0) return;
  throw new Error(["TensorFlow's libraries cannot be prepared; this is missing:", ...missing].join('\n  - '));
}

interface Step {
  readonly name: string;
  readonly title: string;
  readonly action: (directory: string) => void;
}

const STEPS: readonly Step[] = [
  { name: 'packages', title: 'npm packages, 280 MB on disk', action: installPackages },
  { name: 'wheel', title: 'the wheel with libtensorflow, 262 MB', action: fetchWheel },
  { name: 'unpack', title: 'unpacking libtensorflow, 815 MB', action: unpackWheel },
  { name: 'compile', title: 'compiling the binding', action: compileBinding },
  { name: 'load', title: 'loading it once', action: loadBinding },
];

function doStep(directory: string, place: string, { name, title, action }: Step, tell: Tell): void {
  const stamp = join(directory, `.done-${name}`);
  if (existsSync(stamp)) return;
  tell(`  ${place}: ${title}`);
  action(directory);
  writeFileSync(stamp, '');
}

/** Shows the command's output. Throws if it fails. */
function run(command: string, args: readonly string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}): void {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', ...options });
  if (error === undefined && status === 0) return;
  throw new Error(`${command} ${args.join(' ')} failed: ${error?.message ?? `exit status ${status}`}`);
}

const packageIn = (directory: string): string => join(directory, 'node_modules', '@tensorflow', 'tfjs-node');
const bindingIn = (directory: string): string => join(packageIn(directory), 'lib', 'napi-v8', 'tfjs_binding.node');

function installPackages(directory: string): void {
  for (const file of ['package.json', 'package-lock.json']) copyFileSync(recipe(file), join(directory, file));
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: directory });
}

const FOR_ANY_PIP = ['--no-deps', '--require-hashes', '--only-binary=:all:', '--disable-pip-version-check'];
const FOR_WHEEL = [
  ...['--python-version=311', '--implementation=cp', '--abi=cp311', '--platform=manylinux_2_27_x86_64'],
  ...['--resume-retries=20', '--no-cache-dir'],
];

/** pip by the machine's pip, then the wheel by that one. Each line of requirements.txt is one of them. */
function fetchWheel(directory: string): void {
  const requirements = readFileSync(recipe('requirements.txt'), 'utf8').split('\n');
  const download = (pip: readonly string[], name: string, options: readonly string[]): void => {
    const list = join(directory, `${name}.txt`);
    writeFileSync(list, requirements.find((line) => line.startsWith(`${name}==`))!);
    run('python3', [...pip, 'download', ...FOR_ANY_PIP, ...options, '-d', directory, '-r', list]);
  };
  download(['-m', 'pip'], 'pip', ['--quiet']);
  download([join(wheelOf(directory, 'pip-'), 'pip')], 'tensorflow_cpu', FOR_WHEEL);
}

function wheelOf(directory: string, prefix: string): string {
  return join(directory, readdirSync(directory).find((name) => name.startsWith(prefix) && name.endsWith('.whl'))!);
}

function unpackWheel(directory: string): void {
  const deps = join(packageIn(directory), 'deps');
  run('python3', [recipe('unpack.py'), wheelOf(directory, 'tensorflow_cpu-'), deps]);
  for (const prefix of ['pip-', 'tensorflow_cpu-']) rmSync(wheelOf(directory, prefix));
}

/** From the sources as npm has them, each time. */
function compileBinding(directory: string): void {
  const target = packageIn(directory);
  const sources = join(directory, 'binding');
  rmSync(sources, { recursive: true, force: true });
  run('cp', ['-r', join(target, 'binding'), sources]);
  run('patch', ['--quiet', '-p2', '-d', sources, '-i', recipe('binding.patch')]);
  const ours = readdirSync(recipe()).filter((file) => file.startsWith('session_run.'));
  for (const file of ours) copyFileSync(recipe(file), join(sources, file));
  mkdirSync(join(target, 'lib', 'napi-v8'), { recursive: true });
  const units = readdirSync(sources).filter((file) => file.endsWith('.cc'));
  const headers = [join(directory, 'node_modules', 'node-api-headers', 'include'), join(target, 'deps', 'include')];
  run('g++', [
    ...COMPILE,
    ...headers.flatMap((folder) => ['-I', folder]),
    ...units.map((file) => join(sources, file)),
    ...['-o', bindingIn(directory), '-L', join(target, 'deps', 'lib')],
    ...LINK,
  ]);
}

function loadBinding(directory: string): void {
  const code = 'if (typeof require(process.argv[1]).runSession !== "function") process.exit(1)';
  run(process.execPath, ['-e', code, bindingIn(directory)], { env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' } });
}
