/**
 * tfjs-node and libtensorflow, for models of TensorFlow's formats:
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
import { ensureBuilt, root, run, say } from './setup.mjs';

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
const RECIPE = join(root, 'scripts', 'natives', 'tfjs');
/** On disk while it is made: wheel, libraries, packages. */
const NEEDED_BYTES = 1.5e9;

/** The folder of the natives, made if it is not there. Ends this process, with all that is missing, if it cannot be. */
export async function ensureTfjsNatives(parent) {
  ensureBuilt();
  const { TFJS_NATIVES, nativesDirectory } = await import('../../dist/backends/tfjs/natives.js');
  checkName(TFJS_NATIVES);
  const directory = join(parent ?? nativesDirectory(), TFJS_NATIVES);
  if (existsSync(directory)) return directory;
  const unfinished = `${directory}.unfinished`;
  mkdirSync(unfinished, { recursive: true });
  checkMachine(unfinished);
  say(`Preparing TensorFlow's libraries in ${directory} (fetches 350 MB, takes 1.1 GB; about a minute)`);
  for (const [index, step] of STEPS.entries()) doStep(unfinished, `${index + 1} of ${STEPS.length}`, step);
  renameSync(unfinished, directory);
  return directory;
}

/** Whoever changes the recipe changes the name, so that nobody goes on with natives made by another. */
function checkName(name) {
  const hash = createHash('sha256');
  for (const file of readdirSync(RECIPE).sort()) hash.update(`${file}\0`).update(readFileSync(join(RECIPE, file)));
  hash.update(JSON.stringify([COMPILE, LINK]));
  const wanted = hash.digest('hex').slice(0, 8);
  if (name.endsWith(`-${wanted}`)) return;
  console.error(
    `how TensorFlow's libraries are prepared has changed; end TFJS_NATIVES in src/backends/tfjs/natives.ts with -${wanted}`,
  );
  process.exit(1);
}

/** Can the libraries be had here? Undefined if so, else why not. */
export function unsupportedPlatform() {
  const { platform, arch } = process;
  if (platform !== 'linux' || arch !== 'x64') return `Linux on x86-64 (this is ${platform} on ${arch})`;
  const { glibcVersionRuntime } = process.report.getReport().header;
  return glibcVersionRuntime === undefined ? 'a Linux with glibc (this one has another C library)' : undefined;
}

/** All that is missing, at once. */
function checkMachine(directory) {
  const works = (command, ...args) => spawnSync(command, args, { stdio: 'ignore' }).status === 0;
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
  console.error(["TensorFlow's libraries cannot be prepared; this is missing:", ...missing].join('\n  - '));
  process.exit(1);
}

const STEPS = [
  { name: 'packages', title: 'npm packages, 280 MB on disk', action: installPackages },
  { name: 'wheel', title: 'the wheel with libtensorflow, 262 MB', action: fetchWheel },
  { name: 'unpack', title: 'unpacking libtensorflow, 815 MB', action: unpackWheel },
  { name: 'compile', title: 'compiling the binding', action: compileBinding },
  { name: 'load', title: 'loading it once', action: loadBinding },
];

function doStep(directory, place, { name, title, action }) {
  const stamp = join(directory, `.done-${name}`);
  if (existsSync(stamp)) return;
  console.log(`  ${place}: ${title}`);
  action(directory);
  writeFileSync(stamp, '');
}

const packageIn = (directory) => join(directory, 'node_modules', '@tensorflow', 'tfjs-node');
const bindingIn = (directory) => join(packageIn(directory), 'lib', 'napi-v8', 'tfjs_binding.node');

function installPackages(directory) {
  for (const file of ['package.json', 'package-lock.json']) copyFileSync(join(RECIPE, file), join(directory, file));
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  run('npm', ['ci', ...options], { cwd: directory });
}

/** pip by the machine's pip, then the wheel by that one. Each line of requirements.txt is one of them. */
function fetchWheel(directory) {
  const requirements = readFileSync(join(RECIPE, 'requirements.txt'), 'utf8').split('\n');
  const download = (pip, name, ...options) => {
    const list = join(directory, `${name}.txt`);
    writeFileSync(
      list,
      requirements.find((line) => line.startsWith(`${name}==`)),
    );
    const target = ['--python-version=311', '--implementation=cp', '--abi=cp311', '--platform=manylinux_2_27_x86_64'];
    const pinned = ['--no-deps', '--require-hashes', '--only-binary=:all:', '--disable-pip-version-check'];
    run('python3', [
      ...pip,
      'download',
      ...pinned,
      ...options,
      ...(name === 'pip' ? [] : target),
      '-d',
      directory,
      '-r',
      list,
    ]);
  };
  download(['-m', 'pip'], 'pip', '--quiet');
  download(
    [join(directory, wheelOf(directory, 'pip-'), 'pip')],
    'tensorflow_cpu',
    '--resume-retries=20',
    '--no-cache-dir',
  );
}

function wheelOf(directory, prefix) {
  return readdirSync(directory).find((name) => name.startsWith(prefix) && name.endsWith('.whl'));
}

function unpackWheel(directory) {
  const wheel = join(directory, wheelOf(directory, 'tensorflow_cpu-'));
  run('python3', [join(RECIPE, 'unpack.py'), wheel, join(packageIn(directory), 'deps')]);
  for (const prefix of ['pip-', 'tensorflow_cpu-']) rmSync(join(directory, wheelOf(directory, prefix)));
}

/** From the sources as npm has them, each time. */
function compileBinding(directory) {
  const target = packageIn(directory);
  const sources = join(directory, 'binding');
  rmSync(sources, { recursive: true, force: true });
  run('cp', ['-r', join(target, 'binding'), sources]);
  run('patch', ['--quiet', '-p2', '-d', sources, '-i', join(RECIPE, 'binding.patch')]);
  const ours = readdirSync(RECIPE).filter((file) => file.startsWith('session_run.'));
  for (const file of ours) copyFileSync(join(RECIPE, file), join(sources, file));
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

function loadBinding(directory) {
  const code = 'if (typeof require(process.argv[1]).runSession !== "function") process.exit(1)';
  run(process.execPath, ['-e', code, bindingIn(directory)], { env: { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3' } });
}
