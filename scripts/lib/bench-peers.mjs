/** The servers that Pillion is compared with, each with a Python environment of its own under .cache/bench/peers. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { root, say } from './setup.mjs';

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

/** A contestant such as triton-2x1 runs in the environment of triton. */
function isChosen(peer, chosen) {
  return chosen === undefined || chosen.some((name) => name === peer || name.startsWith(`${peer}-`));
}

/**
 * Prepares those that `--peers=A,B` among the arguments names, or all. A peer that cannot be had is named and left out.
 */
export function ensurePeers(args) {
  // It is Pillion's alone.
  if (args.includes('--burner')) return;
  const chosen = args
    .findLast((arg) => arg.startsWith('--peers='))
    ?.slice('--peers='.length)
    .split(',');
  for (const name of PEERS.filter((peer) => isChosen(peer, chosen))) {
    if (!ensurePeer(name)) console.error(`! ${name} is left out: its packages could not be installed`);
  }
}
