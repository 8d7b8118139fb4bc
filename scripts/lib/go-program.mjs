/**
 * Builds a pinned Go program into .cache/bin. Needs Go 1.26 or newer. Its sources are pinned by the go.mod and go.sum
 * of its directory, and go checks their hashes.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, say } from './setup.mjs';

/**
 * Builds it unless that version is there. Returns its path, or undefined, with the reason said, when it cannot.
 * @param {{name: string, directory: string, main: string, megabytes: number, flags?: string[]}} program name of the
 *     file; directory of its go.mod, relative to the root; Go package of its main function; what is fetched the first
 *     time; more flags of go build
 */
export function ensureGoProgram({ name, directory, main, megabytes, flags = [] }) {
  const program = join(root, '.cache', 'bin', name);
  const stamp = `${program}.hash`;
  const hash = hashOf(join(root, directory));
  if (existsSync(program) && existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return program;
  say(`Building ${name} (fetches about ${megabytes} MB of Go modules the first time)`);
  mkdirSync(join(root, '.cache', 'bin'), { recursive: true });
  const { status, error } = spawnSync(
    'go',
    ['build', '-mod=readonly', '-buildvcs=false', ...flags, '-o', program, main],
    {
      cwd: join(root, directory),
      stdio: 'inherit',
      env: { ...process.env, CGO_ENABLED: '0' },
    },
  );
  if (error?.code === 'ENOENT') {
    console.error(`${name} is written in Go: install Go 1.26 or newer (https://go.dev/dl) and run this again`);
    return undefined;
  }
  if (error !== undefined || status !== 0) {
    console.error(`go build failed${error ? `: ${error.message}` : ` (exit status ${status})`}`);
    return undefined;
  }
  writeFileSync(stamp, hash);
  return program;
}

/** The hash of its go.sum, and of its own code if it has any: a tools.go only names packages. */
function hashOf(directory) {
  const hash = createHash('sha256').update(readFileSync(join(directory, 'go.sum')));
  for (const file of readdirSync(directory).sort()) {
    if (file.endsWith('.go') && file !== 'tools.go') hash.update(readFileSync(join(directory, file)));
  }
  return hash.digest('hex');
}
