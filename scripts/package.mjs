/**
 * npm run package: the npm package, a tarball that `npm install` takes anywhere.
 *
 * ONNX Runtime travels inside it (bundleDependencies), cut down to what Pillion loads: its JavaScript and the libraries
 * of the platforms that the package is for. Its own package has the libraries of five platforms, 290 MB, and an install
 * script that fetches more from a host that many networks do not reach. So do the tokenizers, whose package has 13
 * platforms' libraries, 64 MB. Everything else npm installs from the registry.
 *
 * The same sources give the same bytes: npm sorts the files and gives them one time.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import process from 'node:process';
import { ensureBuilt, root } from './lib/setup.mjs';
import { isHelp, refuse } from './lib/words.mjs';

const PLATFORMS = ['linux-x64', 'linux-arm64', 'darwin-arm64'];
const USAGE = `Usage: npm run package [-- PLATFORM…] [--to=DIR]

Writes pillion-VERSION-PLATFORM.tgz for this machine, or one tarball for all platforms that are named: ${PLATFORMS.join(', ')}.
It goes to DIR; default build/package.`;

/**
 * The parts of Pillion that are in it. Errors need the maps of the bundle alone; declarations are added below. A code
 * cache is for one program of Node, and other bytes each time.
 */
const OWN = ['bin', 'dist', 'proto', 'scripts/natives', 'LICENSE', 'README.md', 'CHANGELOG.md', 'package.json'];
const LEFT_OUT = /(?<!\bbundle\/(serve\/)?[^/]*)\.(map|tsbuildinfo)$|\.d\.ts$|\.cache$/;
/** Fields of package.json that concern those who use it. */
const FIELDS = ['name', 'version', 'description', 'license', 'type', 'bin', 'exports', 'engines', 'dependencies'];
/** The folder that dist/bundle leads to, and the one before it. */
const GENERATION = /^dist\/bundle[-.]/;
const RUNTIME = 'onnxruntime-node';
/** Its libraries are named by platform and C library. */
const TOKENIZERS = 'tokenizers';
const TOKENIZERS_LIBRARY = {
  'linux-x64': 'linux-x64-gnu',
  'linux-arm64': 'linux-arm64-gnu',
  'darwin-arm64': 'darwin-arm64',
};
/** The packages that only its install script needs. */
const FOR_INSTALLING = ['adm-zip', 'global-agent'];

/** A file that a declaration imports, as the compiler leaves it. */
const IMPORTED = /(?<=(?:from |import\()')(\.[^'\n]+)\.ts(?=')/g;

const FEATURE_LIST = join('dist', 'pillion.d.ts');

const words = process.argv.slice(2);
if (words.some(isHelp)) {
  console.log(USAGE);
  process.exit();
}
const to = words.find((word) => word.startsWith('--to='))?.slice('--to='.length) ?? join('build', 'package');
const named = words.filter((word) => !word.startsWith('--to='));
const unknown = named.find((word) => !PLATFORMS.includes(word));
if (unknown !== undefined) refuse(`There is no package for "${unknown}".`, USAGE);
const platforms = named.length > 0 ? named : [`${process.platform}-${process.arch}`];
if (!PLATFORMS.includes(platforms[0])) refuse(`There is no package for this machine, ${platforms[0]}.`, USAGE);

ensureBuilt();
const directory = resolve(root, to);
mkdirSync(directory, { recursive: true });
const staging = mkdtempSync(join(tmpdir(), 'pillion-package-'));
try {
  await stage();
  pack();
} finally {
  rmSync(staging, { recursive: true });
}

/** The package's files, below `staging`. */
async function stage() {
  for (const path of OWN) copy(path, (file) => !LEFT_OUT.test(file));
  for (const file of declarations()) writeInto(file, read(file).replaceAll(IMPORTED, '$1.js'));
  writeInto(FEATURE_LIST, await featureOptionType());
  const own = readJson('package.json');
  writeJson('package.json', {
    ...Object.fromEntries(FIELDS.map((field) => [field, own[field]])),
    os: [...new Set(platforms.map((platform) => platform.split('-')[0]))],
    // Elsewhere than on Linux npm refuses a package that names one.
    ...(platforms.every((platform) => platform.startsWith('linux')) && { libc: ['glibc'] }),
    cpu: [...new Set(platforms.map((platform) => platform.split('-')[1]))],
    bundleDependencies: [RUNTIME, TOKENIZERS],
  });
  stageRuntime();
  stageTokenizers();
}

/**
 * Those that `exports` names, and what they import: types that no application can reach are not delivered. The list of
 * features is not: the compiler's type of it spells out the whole server, and applications need the options' names alone.
 */
function declarations() {
  const found = new Set(Object.values(readJson('package.json').exports).flatMap(({ types }) => types ?? []));
  for (const file of found) {
    for (const [, path] of read(file).matchAll(IMPORTED)) found.add(join(dirname(file), `${path}.d.ts`));
    found.delete(FEATURE_LIST);
  }
  return found;
}

async function featureOptionType() {
  const { FEATURES } = await import('../dist/pillion.js');
  const names = Object.keys(FEATURES.options).map((name) => `'${name}'`);
  return `/** Names of the features' options. */\nexport type FeatureOption = ${names.join(' | ')};\n`;
}

function stageRuntime() {
  const path = join('node_modules', RUNTIME);
  const binaries = join(path, 'bin');
  const wanted = platforms.map((platform) => platform.replace('-', '/'));
  copy(path, (file) => {
    if (/\.(map|ts)$/.test(file)) return false;
    if (file.startsWith(join(path, 'script')) || file.startsWith(join(path, 'lib'))) return false;
    // macOS's library is there twice; the binding loads the one without the minor version.
    if (/\.\d+\.\d+\.\d+\.dylib$/.test(file)) return false;
    const platform = relative(binaries, file).split('/').slice(1, 3).join('/');
    return !file.startsWith(binaries) || wanted.some((each) => each.startsWith(platform) || platform === each);
  });
  const manifest = readJson(join(path, 'package.json'));
  const { scripts: _scripts, devDependencies: _tools, types: _types, ...used } = manifest;
  const needed = Object.entries(manifest.dependencies).filter(([name]) => !FOR_INSTALLING.includes(name));
  writeJson(join(path, 'package.json'), { ...used, dependencies: Object.fromEntries(needed) });
  // Its package names the licence without the text, which every copy must have.
  writeInto(join(path, 'LICENSE'), read('scripts/onnxruntime-license.txt'));
  for (const [name] of needed) copy(join('node_modules', name), (file) => !/\.(map|ts)$/.test(file));
}

function stageTokenizers() {
  const path = join('node_modules', TOKENIZERS);
  const libraries = platforms.map((platform) => `tokenizers.${TOKENIZERS_LIBRARY[platform]}.node`);
  copy(path, (file) => !/\.(ts|node)$/.test(file) || libraries.some((library) => file.endsWith(library)));
  const { scripts: _scripts, devDependencies: _tools, prettier: _form, ...used } = readJson(join(path, 'package.json'));
  writeJson(join(path, 'package.json'), used);
}

function copy(path, filter) {
  cpSync(join(root, path), join(staging, path), {
    recursive: true,
    dereference: true,
    filter: (file) => !GENERATION.test(relative(root, file)) && filter(relative(root, file)),
  });
}

function writeInto(file, text) {
  mkdirSync(dirname(join(staging, file)), { recursive: true });
  writeFileSync(join(staging, file), text);
}

function read(file) {
  return readFileSync(join(root, file), 'utf8');
}

function readJson(file) {
  return JSON.parse(read(file));
}

function writeJson(file, value) {
  writeInto(file, `${JSON.stringify(value, undefined, 2)}\n`);
}

function pack() {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', staging];
  const output = execFileSync('npm', args, {
    cwd: staging,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
    stdio: [0, 'pipe', 'pipe'],
  });
  const [{ filename, size, unpackedSize, entryCount }] = JSON.parse(output);
  const bytes = readFileSync(join(staging, filename));
  const target = join(directory, filename.replace('.tgz', `-${platforms.join('-')}.tgz`));
  copyFileSync(join(staging, filename), target);
  const mb = (count) => `${(count / 1e6).toFixed(1)} MB`;
  console.log(`${target}: ${mb(size)}, ${mb(unpackedSize)} unpacked, ${entryCount} files`);
  console.log(`sha256 ${createHash('sha256').update(bytes).digest('hex')}`);
}
