/**
 * npm run bench:compare: prepares models, load generators and the other servers' Python environments, then measures.
 * Arguments go to build/bench/compare/compare.js: --help lists them. A server whose packages cannot be had is left out.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ensureBenchModels, ensureLoadGenerators } from './lib/bench-setup.mjs';
import { ensureBuilt, ensureBuiltForTests, root, run, say } from './lib/setup.mjs';

const MODELS = ['half_plus_two', 'mlp_small', 'mlp_big', 'image_mean'];
const PEERS = readdirSync(join(root, 'bench', 'compare', 'peers'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && existsSync(join(entry.parentPath, entry.name, 'requirements.txt')))
  .map(({ name }) => name);

/** Each server has an environment of its own: their packages' versions do not agree. False if it cannot be had. */
function ensurePeer(name) {
  const requirements = join('bench', 'compare', 'peers', name, 'requirements.txt');
  const directory = join(root, '.cache', 'bench', 'peers', name);
  const stamp = join(directory, '.requirements-hash');
  const hash = createHash('sha256')
    .update(readFileSync(join(root, requirements)))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return true;
  say(`Preparing Python packages of ${requirements}`);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(dirname(directory), { recursive: true });
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--only-binary', ':all:'];
  const steps = [
    ['python3', ['-m', 'venv', directory]],
    [join(directory, 'bin', 'python'), [...pip, '--require-hashes', '-r', requirements]],
  ];
  const isDone = steps.every(([command, args]) => {
    const { status } = spawnSync(command, args, { cwd: root, stdio: 'inherit' });
    return status === 0;
  });
  if (isDone) writeFileSync(stamp, hash);
  else rmSync(directory, { recursive: true, force: true });
  return isDone;
}

const args = process.argv.slice(2);
const chosen = args
  .findLast((arg) => arg.startsWith('--peers='))
  ?.slice('--peers='.length)
  .split(',');
const isMeasuring = !args.includes('--help') && !args.includes('--render');

ensureBuiltForTests();
if (isMeasuring) {
  ensureBuilt();
  ensureLoadGenerators();
  for (const name of PEERS.filter((peer) => chosen === undefined || chosen.includes(peer))) {
    if (!ensurePeer(name)) console.error(`! ${name} is left out: its packages could not be installed`);
  }
}
const models = isMeasuring ? ensureBenchModels(MODELS) : '.';
run(process.execPath, ['build/bench/compare/compare.js', models, ...args]);
