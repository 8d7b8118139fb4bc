/** Whether a suite is due: whether what it tests has changed since it passed. */
import { spawnSync } from 'node:child_process';
import { lastRuns } from './suite-runs.mjs';

/** Asks git about the work tree in that directory. */
export function workTree(directory) {
  const ask = (...args) => spawnSync('git', ['--no-optional-locks', ...args], { cwd: directory, encoding: 'utf8' });
  const answer = (...args) => {
    const { status, stdout, stderr } = ask(...args);
    if (status !== 0) throw new Error(`git ${args[0]} failed: ${stderr}`);
    return stdout.trim();
  };
  return {
    /** Undefined where there is no commit, or no git. */
    head: () => ask('rev-parse', '--verify', '--quiet', 'HEAD').stdout?.trim() || undefined,
    isKnown: (commit) => ask('cat-file', '-e', `${commit}^{commit}`).status === 0,
    /** Commits that touch the paths and are in one of the two histories alone: after a rebase, both have some. */
    commitsSince: (commit, paths) => Number(answer('rev-list', '--count', `${commit}...HEAD`, '--', ...paths)),
    hasChanges: (paths) => answer('status', '--porcelain', '--', ...paths) !== '',
  };
}

const commits = (count) => (count === 1 ? '1 commit touches' : `${count} commits touch`);

/**
 * `due` says why, and is undefined for a suite that has passed on what is there. `age` is how many commits since the
 * last pass touch what it tests, undefined where that cannot be known.
 * @param {import('./suite-runs.mjs').SuiteRun[]} runs
 * @param {ReturnType<typeof workTree>} tree
 */
export function stateOf(suite, runs, paths, tree) {
  const { pass, whole } = lastRuns(runs, suite);
  if (pass === undefined) return { due: whole === undefined ? 'never run' : 'never passed' };
  const state = { pass, age: tree.isKnown(pass.commit) ? tree.commitsSince(pass.commit, paths) : undefined };
  return { ...state, due: reasonOf(state, { whole, paths, tree }) };
}

function reasonOf({ pass, age }, { whole, paths, tree }) {
  if (whole !== pass) return `failed on ${whole.date.slice(0, 10)}`;
  if (pass.dirty) return 'passed with changes that were not committed';
  if (age === undefined) return 'passed on a commit that this clone does not have';
  if (age > 0) return `${commits(age)} what it tests`;
  return tree.hasChanges(paths) ? 'changes that are not committed touch what it tests' : undefined;
}
