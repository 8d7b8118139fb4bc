/** The clients of embeddings and reranking for the suite text-clients: those for Python, and those for Node. */
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { ensurePython, root, run, say } from './setup.mjs';

const FOLDER = join('test', 'features', 'text-apis', 'clients');
const LOCK = 'package-lock.json';

/** The environment that names them. */
export function ensureTextClients() {
  return {
    PILLION_TEXT_PYTHON: ensurePython('text-clients', join(FOLDER, 'requirements.txt')),
    PILLION_TEXT_NODE: ensureNodeClients(),
  };
}

/** The directory of the npm packages; again when the lock file has changed. */
function ensureNodeClients() {
  const source = join(root, FOLDER, 'npm');
  const directory = join(root, '.cache', 'text-clients');
  const isThere = existsSync(join(directory, 'node_modules', '.package-lock.json'));
  if (isThere && readFileSync(join(directory, LOCK), 'utf8') === readFileSync(join(source, LOCK), 'utf8')) {
    return directory;
  }
  say(`Fetching the npm packages of ${FOLDER} (64 MB)`);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  cpSync(source, directory, { recursive: true });
  run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: directory });
  return directory;
}
