/** The applications of test/fronting/apps, each with packages of its own, pinned by hash. */
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { ensureGoProgram } from './go-program.mjs';
import { ensurePython, root, run, say } from './setup.mjs';

const SOURCES = 'test/fronting/apps';

/** The environment that names the programs. Ends this process, with the reason said, where one cannot be had. */
export function ensureFrontedApps() {
  const go = ensureGoProgram({ name: 'fronted-go', directory: `${SOURCES}/go`, main: '.', megabytes: 1 });
  if (go === undefined) process.exit(1);
  return {
    PILLION_FRONTED_GO: go,
    PILLION_FRONTED_DJANGO: ensurePython('fronted-django', `${SOURCES}/django/requirements.txt`),
    PILLION_FRONTED_NODE: join(ensureFastify(), 'app.mjs'),
    PILLION_FRONTED_PYTHON: ensurePython('fronted', `${SOURCES}/python/requirements.txt`),
  };
}

/** A directory with the application and its packages. */
function ensureFastify() {
  const source = join(root, SOURCES, 'node');
  const directory = join(root, '.cache', 'fronted-node');
  const stamp = join(directory, 'installed-lock.json');
  const lock = readFileSync(join(source, 'package-lock.json'), 'utf8');
  mkdirSync(directory, { recursive: true });
  cpSync(source, directory, { recursive: true });
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return directory;
  say('Fetching Fastify and its WebSockets for the application that is fronted (4 MB)');
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: directory });
  writeFileSync(stamp, lock);
  return directory;
}
