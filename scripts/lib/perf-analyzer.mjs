/**
 * NVIDIA's perf_analyzer, out of its Python package. It wants a newer C library than Debian 12 has: there Debian 13's
 * is unpacked beside it, for this program alone.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { root, run, say } from './setup.mjs';

const REQUIREMENTS = 'test/perf-analyzer/requirements.txt';
/** The platforms that the packages are made for: pip would refuse the first if the C library is older. */
const PLATFORMS = ['manylinux_2_38_x86_64', 'manylinux2014_x86_64'];
const WANTED_GLIBC = 38;
/** The libraries that the program is linked with. */
const LIBRARIES = ['libc6', 'libgcc-s1', 'libssl3t64', 'libstdc++6', 'libzstd1', 'zlib1g'];
const DEBIAN_KEYS = '/usr/share/keyrings/debian-archive-keyring.gpg';

/** The program, fetched where it is not there yet. Ends this process, with the reason said, when it cannot be had. */
export function ensurePerfAnalyzer() {
  if (process.platform !== 'linux' || process.arch !== 'x64') fail('perf_analyzer is made for Linux on x86-64 alone');
  const directory = join(root, '.cache', 'perf-analyzer');
  const launcher = join(directory, 'perf_analyzer');
  const stamp = join(directory, '.requirements-hash');
  const hash = createHash('sha256')
    .update(readFileSync(join(root, REQUIREMENTS)))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return launcher;
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const files = fetchPackages(directory);
  const program = join(files, 'perf_analyzer', 'bin', 'perf_analyzer');
  const cuda = cudaLibrary(files);
  const command = hasOldGlibc() ? [...loaderOf(fetchLibraries(directory), cuda), program] : [program];
  const quoted = command.map(quote).join(' ');
  writeFileSync(launcher, `#!/bin/sh\nLD_LIBRARY_PATH=${quote(cuda)} exec ${quoted} "$@"\n`, { mode: 0o755 });
  writeFileSync(stamp, hash);
  return launcher;
}

function quote(word) {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

/** Its directory. The program opens the library by its name without a version. */
function cudaLibrary(files) {
  const directory = join(files, 'nvidia', 'cuda_runtime', 'lib');
  symlinkSync('libcudart.so.12', join(directory, 'libcudart.so'));
  return directory;
}

function fetchPackages(directory) {
  say(`Unpacking the packages of ${REQUIREMENTS} (fetches 10 MB)`);
  const environment = join(directory, 'pip');
  run('python3', ['-m', 'venv', environment]);
  const files = join(directory, 'package');
  const pinned = [
    '--no-deps',
    '--require-hashes',
    '--only-binary',
    ':all:',
    ...PLATFORMS.flatMap((name) => ['--platform', name]),
  ];
  const quiet = ['--quiet', '--disable-pip-version-check'];
  run(join(environment, 'bin', 'python'), [
    ...['-m', 'pip', 'install', ...quiet, ...pinned],
    ...['--target', files, '-r', REQUIREMENTS],
  ]);
  rmSync(environment, { recursive: true });
  return files;
}

function hasOldGlibc() {
  const version = process.report.getReport().header.glibcVersionRuntime ?? '2.0';
  return Number(version.split('.')[1]) < WANTED_GLIBC;
}

/**
 * Debian 13's, from the archive that this Debian is set up with, checked against Debian's keys. Returns their
 * directory.
 */
function fetchLibraries(directory) {
  const archive = archiveOfDebian12();
  if (archive === undefined || !existsSync(DEBIAN_KEYS)) {
    fail(`perf_analyzer wants glibc 2.${WANTED_GLIBC}: Debian 13, Ubuntu 24.04, or Debian 12 with apt`);
  }
  say('Unpacking the C library of Debian 13 beside it (fetches 16 MB)');
  const apt = join(directory, 'apt');
  for (const each of ['lists/partial', 'cache/archives/partial']) mkdirSync(join(apt, each), { recursive: true });
  const sources = join(apt, 'sources.list');
  writeFileSync(sources, `deb [signed-by=${DEBIAN_KEYS}] ${archive} trixie main\n`);
  const options = [
    `Dir::Etc::sourcelist=${sources}`,
    'Dir::Etc::sourceparts=/dev/null',
    `Dir::State::lists=${join(apt, 'lists')}`,
    `Dir::Cache=${join(apt, 'cache')}`,
    ...(process.getuid?.() === 0 ? ['APT::Sandbox::User=root'] : []),
  ].flatMap((option) => ['-o', option]);
  run('apt-get', [...options, 'update', '-qq']);
  run('apt-get', [...options, 'download', '-qq', ...LIBRARIES], { cwd: apt });
  const files = join(directory, 'libraries');
  for (const file of readdirSync(apt).filter((name) => name.endsWith('.deb')))
    run('dpkg-deb', ['-x', join(apt, file), files]);
  rmSync(apt, { recursive: true });
  return join(files, 'usr', 'lib', 'x86_64-linux-gnu');
}

/** Its address; undefined on another system. */
function archiveOfDebian12() {
  const format = ['--format', '$(RELEASE) $(REPO_URI)', 'Created-By: Packages'];
  const { stdout } = spawnSync('apt-get', ['indextargets', ...format], { encoding: 'utf8' });
  return /^bookworm (\S+)$/m.exec(stdout ?? '')?.[1];
}

/** It takes no LD_LIBRARY_PATH beside its option. */
function loaderOf(libraries, more) {
  return [join(libraries, 'ld-linux-x86-64.so.2'), '--library-path', `${libraries}:${more}`];
}

function fail(reason) {
  console.error(reason);
  process.exit(1);
}
