/**
 * Builds h2spec, the HTTP/2 conformance tester, into .cache/bin: `node scripts/install-h2spec.mjs`. Needs Go 1.26 or
 * newer. What it is built from is pinned in test/conformance/h2spec, and go checks its hashes.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root, say } from './lib/setup.mjs';

const moduleDirectory = join(root, 'test', 'conformance', 'h2spec');
const program = join(root, '.cache', 'bin', 'h2spec');
const stamp = `${program}.hash`;

/** Builds it unless that version is there. Returns its path, or undefined, with the reason said, when it cannot. */
export function ensureH2spec() {
  const hash = createHash('sha256')
    .update(readFileSync(join(moduleDirectory, 'go.sum')))
    .digest('hex');
  if (existsSync(program) && existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return program;
  say('Building h2spec (fetches about 10 MB of Go modules the first time)');
  mkdirSync(join(root, '.cache', 'bin'), { recursive: true });
  const { status, error } = spawnSync(
    'go',
    ['build', '-mod=readonly', '-buildvcs=false', '-o', program, 'github.com/summerwind/h2spec/cmd/h2spec'],
    { cwd: moduleDirectory, stdio: 'inherit', env: { ...process.env, CGO_ENABLED: '0' } },
  );
  if (error?.code === 'ENOENT') {
    console.error('h2spec is written in Go: install Go 1.26 or newer (https://go.dev/dl) and run this again');
    return undefined;
  }
  if (error !== undefined || status !== 0) {
    console.error(`go build failed${error ? `: ${error.message}` : ` (exit status ${status})`}`);
    return undefined;
  }
  writeFileSync(stamp, hash);
  return program;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = ensureH2spec();
  if (path === undefined) process.exit(1);
  console.log(path);
}
