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
import { copyFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import {
  checkName,
  doSteps,
  download,
  fetchPip,
  missingDisk,
  missingPip,
  prepareOnce,
  recipeFile,
  refuseWhat,
  run,
  type Step,
  type Tell,
  unsupportedPlatform,
  wheelOf,
  works,
} from '../native-steps.ts';
import { nativesDirectory } from '../natives-directory.ts';
import { TFJS_NATIVES } from './natives.ts';

const COMPILE = ['-std=c++17', '-O2', '-fPIC', '-shared', '-DNAPI_VERSION=8'];
/**
 * The run-time path is relative: the folder can be moved. nodelete: libtensorflow leaves work for the end of the
 * process, which must be there then, though the thread that loaded it is gone.
 */
const LINK = [
  '-l:libtensorflow_cc.so.2',
  '-l:libtensorflow_framework.so.2',
  '-Wl,-rpath,$ORIGIN/../../deps/lib',
  '-Wl,-z,nodelete',
];
/** Disk space that it takes while it is made: wheel, libraries, packages. */
const NEEDED_BYTES = 1.5e9;

/** Words of the texts: whose libraries they are, and which constant names them. */
const NATIVES = {
  recipe: 'tfjs',
  what: "TensorFlow's libraries",
  constant: 'TFJS_NATIVES in src/backends/tfjs/natives.ts',
};

/** The folder of the natives, made if it is not there. Throws an Error with all that is missing if it cannot be. */
export function prepareTfjsNatives(tell: Tell, parent = nativesDirectory()): string {
  checkName(NATIVES, TFJS_NATIVES, [COMPILE, LINK]);
  return prepareOnce(parent, TFJS_NATIVES, tell, (unfinished) => {
    checkMachine(unfinished);
    tell(`Preparing TensorFlow's libraries in ${parent} (fetches 350 MB, takes 1.1 GB; about a minute)`);
    doSteps(unfinished, STEPS, tell);
  });
}

const recipe = (file = ''): string => recipeFile('tfjs', file);

/** Throws with all that is missing, at once. */
function checkMachine(directory: string): void {
  refuseWhat(NATIVES.what, [
    unsupportedPlatform(),
    !works('g++', '--version') && 'g++, a C++17 compiler (Debian: apt-get install g++)',
    !works('patch', '--version') && 'patch (Debian: apt-get install patch)',
    missingPip(),
    missingDisk(directory, NEEDED_BYTES),
  ]);
}

const STEPS: readonly Step[] = [
  { name: 'packages', title: 'npm packages, 280 MB on disk', action: installPackages },
  { name: 'wheel', title: 'the wheel with libtensorflow, 262 MB', action: fetchWheel },
  { name: 'unpack', title: 'unpacking libtensorflow, 815 MB', action: unpackWheel },
  { name: 'compile', title: 'compiling the binding', action: compileBinding },
  { name: 'load', title: 'loading it once', action: loadBinding },
];

const packageIn = (directory: string): string => join(directory, 'node_modules', '@tensorflow', 'tfjs-node');
const bindingIn = (directory: string): string => join(packageIn(directory), 'lib', 'napi-v8', 'tfjs_binding.node');

function installPackages(directory: string): void {
  for (const file of ['package.json', 'package-lock.json']) copyFileSync(recipe(file), join(directory, file));
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: directory });
}

const FOR_WHEEL = ['--python-version=311', '--implementation=cp', '--abi=cp311', '--platform=manylinux_2_27_x86_64'];

function fetchWheel(directory: string): void {
  fetchPip('tfjs', directory);
  download('tfjs', directory, 'tensorflow_cpu', FOR_WHEEL);
}

function unpackWheel(directory: string): void {
  const deps = join(packageIn(directory), 'deps');
  run('python3', [recipe('unpack.py'), wheelOf(directory, 'tensorflow_cpu'), deps]);
  for (const name of ['pip', 'tensorflow_cpu']) rmSync(wheelOf(directory, name));
}

/** Compiles the sources as npm has them, each time. */
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
