/**
 * Puts what a fresh clone lacks there when it is needed, and not again: npm packages, compiled code, a Python
 * environment for the official clients. Each step says what it does. Nothing is fetched but pinned packages:
 * package-lock.json and requirements files hold the hashes.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installGeneration } from './bundle/generations.mjs';

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));

/** The feature whose page is bundled. */
const CONSOLE = join('src', 'features', 'console');

const bold = (text) => (process.stdout.isTTY ? `\u001b[1m${text}\u001b[0m` : text);

export function say(text) {
  console.log(bold(`▸ ${text}`));
}

/** Runs a command in the project's root with its output shown. Ends this process if it fails. */
export function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (error !== undefined || status !== 0) {
    console.error(`\n${command} ${args.join(' ')} failed${error ? `: ${error.message}` : ` (exit status ${status})`}`);
    process.exit(status || 1);
  }
}

function hashOf(file) {
  return createHash('sha256')
    .update(readFileSync(join(root, file)))
    .digest('hex');
}

/** Does `stamp` hold the hash of `file`? Then the step that `file` describes is done. */
function isStamped(stamp, file) {
  return existsSync(stamp) && readFileSync(stamp, 'utf8') === hashOf(file);
}

export function ensurePackages() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    console.error(`Pillion needs Node 20.19 or newer; this is ${process.versions.node}`);
    process.exit(1);
  }
  if (arePackagesThere()) return;
  say('Installing npm packages (about 600 MB on disk, most of it ONNX Runtime; no install scripts are run)');
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
}

/** npm leaves a list of what it installed, whoever called it. Optional packages for other platforms are not in it. */
function arePackagesThere() {
  const list = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(list)) return false;
  const packagesOf = (file) => JSON.parse(readFileSync(file, 'utf8')).packages;
  const installed = packagesOf(list);
  return Object.entries(packagesOf(join(root, 'package-lock.json'))).every(
    ([path, { integrity, optional }]) =>
      path === '' || installed[path]?.integrity === integrity || (optional && !(path in installed)),
  );
}

/** dist/: the product, and in dist/bundle/ what bin/pillion starts. */
export function ensureBuilt() {
  ensurePackages();
  say('Compiling');
  run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json']);
  buildConsole('dist');
  buildBundle('dist/bundle', installGeneration);
}

/**
 * Builds what bin/pillion starts, with a console of its own, and with V8's code cache for the Node that runs this. What is there
 * stays until all of the new one is; `install` puts that in its place.
 */
function buildBundle(directory, install = replaceFolder) {
  const fresh = `${directory}.new`;
  run(process.execPath, ['scripts/lib/bundle/build-bundle.mjs', fresh]);
  bundleConsole(fresh);
  const makeCache = ['scripts/lib/bundle/make-code-cache.mjs', fresh, 'examples/digits/models/digits'];
  const { status } = spawnSync(process.execPath, makeCache, { cwd: root, stdio: ['ignore', 'ignore', 'inherit'] });
  // The server works without, also where ONNX Runtime, which the model wants, has no library for the system.
  if (status !== 0) console.error('! there is no code cache, for the reason above: `pillion serve` starts more slowly');
  install(join(root, fresh), join(root, directory));
}

/** `fresh` takes the place of `directory`, at once. */
function replaceFolder(fresh, directory) {
  const old = `${directory}.old`;
  rmSync(old, { recursive: true, force: true });
  if (existsSync(directory)) renameSync(directory, old);
  renameSync(fresh, directory);
  rmSync(old, { recursive: true, force: true });
}

/** The console's page, beside the compiled code that serves it. Nothing where that feature's folder is deleted. */
function buildConsole(directory) {
  if (!existsSync(join(root, CONSOLE))) return;
  run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.console.json']);
  bundleConsole(directory);
}

function bundleConsole(directory) {
  if (!existsSync(join(root, CONSOLE))) return;
  run(process.execPath, ['scripts/lib/bundle/build-console.mjs', `${directory}/features/console/page`]);
}

let isBuiltForTests = false;

/** build/: product, tests and benchmarks. Compiles once a process. */
export function ensureBuiltForTests() {
  if (isBuiltForTests) return;
  isBuiltForTests = true;
  ensurePackages();
  say('Compiling with tests');
  run(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json']);
  buildConsole('build/src');
  buildBundle('build/bundle');
}

/**
 * A Python environment under .cache/ with a requirements file's packages, hashes checked. Returns its python.
 * @param {string} name of the environment
 * @param {string} requirements file, relative to the root
 */
export function ensurePython(name, requirements) {
  const directory = join(root, '.cache', 'python', name);
  const python = join(directory, 'bin', 'python');
  const stamp = join(directory, '.requirements-hash');
  if (isStamped(stamp, requirements)) return python;
  say(`Preparing Python packages of ${requirements}`);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(dirname(directory), { recursive: true });
  run('python3', ['-m', 'venv', directory]);
  run(python, [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--disable-pip-version-check',
    '--require-hashes',
    '-r',
    requirements,
  ]);
  writeFileSync(stamp, hashOf(requirements));
  return python;
}
