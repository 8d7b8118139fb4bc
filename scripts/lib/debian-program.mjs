/** Programs out of Debian's packages. apt checks what it fetches against its archive's signatures. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { root, run, say } from './setup.mjs';

/** Installs packages, if this process may; else ends it with the command to run. @param {string[]} packages */
export function installDebianPackages(packages) {
  const isRoot = process.getuid?.() === 0;
  if (!isRoot || spawnSync('apt-get', ['--version']).error !== undefined) {
    console.error(`This needs Debian's packages: apt-get install ${packages.join(' ')}`);
    process.exit(1);
  }
  say(`Installing ${packages.join(' and ')} (Debian packages)`);
  run('apt-get', ['update', '-qq']);
  run('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages]);
}

/**
 * Unpacks a package into .cache/debian, without installing it: no service, no files elsewhere. Returns the directory
 * that holds its files as the root directory would. Ends this process, with the reason said, when it cannot be had.
 * @param {string} name of the package
 * @param {string} proof a file of it, relative to that directory: where it is there, nothing is fetched
 * @param {number} megabytes what is fetched the first time
 */
export function ensureDebianProgram(name, proof, megabytes) {
  const directory = join(root, '.cache', 'debian', name);
  const files = join(directory, 'root');
  if (existsSync(join(files, proof))) return files;
  if (spawnSync('dpkg-deb', ['--version']).error !== undefined) {
    console.error(`this takes ${name} out of Debian's package, and needs Debian's or Ubuntu's apt and dpkg`);
    process.exit(1);
  }
  say(`Unpacking ${name} of Debian (fetches about ${megabytes} MB the first time)`);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  // Lists of packages may be missing, as in most containers; only root may fetch them.
  const isKnown = spawnSync('apt-cache', ['show', name]).status === 0;
  if (!isKnown && process.getuid?.() === 0) run('apt-get', ['update', '-qq']);
  run('apt-get', ['download', '-qq', name], { cwd: directory });
  const archive = readdirSync(directory).find((file) => file.endsWith('.deb'));
  run('dpkg-deb', ['-x', join(directory, archive), files]);
  rmSync(join(directory, archive));
  return files;
}
