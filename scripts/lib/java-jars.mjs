/**
 * Fetches the jars of a pinned Java program into .cache/java. Needs Java 17 and Maven 3.8 or newer. Maven finds them by
 * the pom.xml of a directory and checks them against the registry's hashes; the jars.sha256 beside it says what they
 * must be. After a change in pom.xml `sha256sum *.jar` makes it anew.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, say } from './setup.mjs';

const hashOf = (file) => createHash('sha256').update(readFileSync(file)).digest('hex');

/**
 * Returns the directory that holds them, or undefined, with the reason said, when it cannot.
 * @param {{name: string, directory: string, megabytes: number}} program name of the directory to make; directory of its
 *     pom.xml, relative to the root; what is fetched the first time
 */
export function ensureJavaJars({ name, directory, megabytes }) {
  const jars = join(root, '.cache', 'java', name);
  const stamp = join(jars, '.hash');
  const lock = join(root, directory, 'jars.sha256');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hashOf(lock)) return jars;
  say(`Fetching ${name} (about ${megabytes} MB from Maven's central registry the first time)`);
  rmSync(jars, { recursive: true, force: true });
  const { status, error } = spawnSync(
    'mvn',
    ['--quiet', '--batch-mode', '--strict-checksums', 'dependency:copy-dependencies', `-DoutputDirectory=${jars}`],
    { cwd: join(root, directory), stdio: 'inherit' },
  );
  if (error?.code === 'ENOENT') {
    console.error(`${name} is written in Java: install Java 17 and Maven 3.8 or newer and run this again`);
    return undefined;
  }
  if (error !== undefined || status !== 0) {
    console.error(`mvn failed${error ? `: ${error.message}` : ` (exit status ${status})`}`);
    return undefined;
  }
  const wrong = differences(jars, lock);
  if (wrong.length > 0) {
    console.error(`not what ${directory}/jars.sha256 says, so not used: ${wrong.join(', ')}`);
    rmSync(jars, { recursive: true });
    return undefined;
  }
  writeFileSync(stamp, hashOf(lock));
  return jars;
}

/** Names of jars that are missing, too many or other than their hash. */
function differences(jars, lock) {
  const lines = readFileSync(lock, 'utf8').trim().split('\n');
  const wanted = new Map(lines.map((line) => line.split('  ').reverse()));
  const found = new Map(readdirSync(jars).map((file) => [file, hashOf(join(jars, file))]));
  return [...new Set([...wanted.keys(), ...found.keys()])].filter((file) => wanted.get(file) !== found.get(file));
}
