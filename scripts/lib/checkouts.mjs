/** Other commits of this repository, built beside this checkout, to measure against. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { root, run, say } from './setup.mjs';

/**
 * A work tree of the commit with its product built by its own scripts, made once for this version of Node. Returns its
 * directory. Ends this process if the clone does not have the commit, or if it does not build.
 * @param {string} revision as git takes it
 */
export function ensureCheckout(revision) {
  const commit = commitOf(revision);
  const directory = join(root, '.cache', 'checkouts', commit.slice(0, 12));
  const stamp = `${directory}.built-by`;
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === process.version) return directory;
  say(`Building ${commit.slice(0, 12)} in a work tree of its own (600 MB on disk; two minutes)`);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(dirname(directory), { recursive: true });
  run('git', ['worktree', 'prune']);
  run('git', ['worktree', 'add', '--quiet', '--detach', directory, commit]);
  run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd: directory });
  run(process.execPath, ['scripts/build.mjs'], { cwd: directory });
  writeFileSync(stamp, process.version);
  return directory;
}

function commitOf(revision) {
  const { status, stdout } = spawnSync('git', ['rev-parse', '--verify', '--quiet', `${revision}^{commit}`], {
    cwd: root,
    encoding: 'utf8',
  });
  if (status === 0) return stdout.trim();
  console.error(`this clone has no commit ${revision}; a shallow one gets it by: git fetch --unshallow`);
  process.exit(1);
}
