/** The recorded runs of suites: what is kept of them, when a suite is due, and what is shown. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { describe, it, type TestContext } from 'node:test';
import { pathToFileURL } from 'node:url';
import { tempDirectory } from '../../support/temp-directory.ts';

const load = (path: string) => import(pathToFileURL(resolve('scripts/lib', path)).href);
const { countsOfTap, readCounts } = await load('suite-runs/counts.mjs');
const { stateOf, workTree } = await load('suite-runs/due.mjs');
const { renderPage, renderStates } = await load('suite-runs/render.mjs');
const { keepLast, readRuns, RUNS_FILE, writeRuns } = await load('suite-runs/suite-runs.mjs');
const { pathspecsOf, TESTED_PATHS } = await load('suite-runs/tested-paths.mjs');
const { SUITES } = await load('suites.mjs');

const COMMIT = 'abcdef0123456789abcdef0123456789abcdef01';

/** A run of `zoo` on that day of a month, which passed whole. */
function run(day: number, more: object = {}): object {
  const date = `2026-11-${String(day).padStart(2, '0')}T10:00:00.000Z`;
  return { suite: 'zoo', commit: COMMIT, date, node: '20.19.0', seconds: 7, passed: 3, of: 3, ...more };
}

const FAILED = { passed: 2, exit: 1 };
const PART = { part: 'sequences', passed: 1, of: 1 };

describe('the lines that are kept', () => {
  const cases: Record<string, { runs: object[]; kept: object[] }> = {
    'the last of those that passed': { runs: [run(1), run(2)], kept: [run(2)] },
    'a failure after it': { runs: [run(1), run(2, FAILED)], kept: [run(1), run(2, FAILED)] },
    'no failure before it': { runs: [run(1, FAILED), run(2)], kept: [run(2)] },
    'the last of a part': { runs: [run(1), run(2, PART), run(3, PART)], kept: [run(1), run(3, PART)] },
    'those of other suites, by name': {
      runs: [run(1), run(2, { suite: 'fuzz' })],
      kept: [run(2, { suite: 'fuzz' }), run(1)],
    },
    'the newest, in whatever order they came': { runs: [run(2), run(1)], kept: [run(2)] },
  };
  for (const [name, { runs, kept }] of Object.entries(cases)) {
    it(name, () => assert.deepEqual(keepLast(runs), kept));
  }

  it('are read as they were written', (t) => {
    const file = join(tempDirectory(t), 'results', 'runs.jsonl');
    assert.deepEqual(readRuns(file), []);
    writeRuns(file, [run(1), run(2, PART)]);
    assert.deepEqual(readRuns(file), [run(1), run(2, PART)]);
  });

  it('are refused with their place where a merge has left its marks', (t) => {
    const file = join(tempDirectory(t), 'runs.jsonl');
    writeFileSync(file, `${JSON.stringify(run(1))}\n<<<<<<< HEAD\n`);
    assert.throws(() => readRuns(file), /runs\.jsonl:2 is no JSON: <<<<<<< HEAD; after a merge/);
  });
});

describe('a suite is due', () => {
  const tree = { isKnown: () => true, commitsSince: () => 0, hasChanges: () => false };
  const cases: Record<string, { runs: object[]; tree?: object; due: string | undefined }> = {
    'not, after a pass': { runs: [run(1)], due: undefined },
    'without a run': { runs: [], due: 'never run' },
    'without a run of all': { runs: [run(1, PART)], due: 'never run' },
    'without a pass': { runs: [run(1, FAILED)], due: 'never passed' },
    'after a pass of nothing': { runs: [run(1, { passed: 0, of: 0 })], due: 'never passed' },
    'after a failure': { runs: [run(1), run(2, FAILED)], due: 'failed on 2026-11-02' },
    'after a pass with changes': {
      runs: [run(1, { dirty: true })],
      due: 'passed with changes that were not committed',
    },
    'after a pass of elsewhere': {
      runs: [run(1)],
      tree: { isKnown: () => false },
      due: 'passed on a commit that this clone does not have',
    },
    'after a commit': { runs: [run(1)], tree: { commitsSince: () => 1 }, due: '1 commit touches what it tests' },
    'after commits': { runs: [run(1)], tree: { commitsSince: () => 2 }, due: '2 commits touch what it tests' },
    'with changes': {
      runs: [run(1)],
      tree: { hasChanges: () => true },
      due: 'changes that are not committed touch what it tests',
    },
  };
  for (const [name, { runs, tree: other, due }] of Object.entries(cases)) {
    it(name, () => assert.equal(stateOf('zoo', runs, [], { ...tree, ...other }).due, due));
  }
});

/** A repository with a commit of each of the files, in that order. Returns the commits. */
function repository(directory: string, files: readonly string[]): string[] {
  const git = (...args: string[]): string => {
    const own = ['-c', 'user.name=t', '-c', 'user.email=t@localhost', '-c', 'commit.gpgsign=false'];
    return execFileSync('git', [...own, ...args], { cwd: directory, encoding: 'utf8' }).trim();
  };
  git('init', '--quiet');
  return files.map((file) => {
    mkdirSync(join(directory, file, '..'), { recursive: true });
    writeFileSync(join(directory, file), file);
    git('add', '.');
    git('commit', '--quiet', '--no-verify', '-m', file);
    return git('rev-parse', 'HEAD');
  });
}

describe('a work tree', () => {
  it('knows its commits, and counts those that touch what is tested, documents not', (t) => {
    const directory = tempDirectory(t);
    const commits = repository(directory, ['test/zoo/a', 'src/other', 'test/zoo/b', 'test/zoo/README.md']);
    const tree = workTree(directory);
    assert.equal(tree.head(), commits[3]);
    assert.equal(tree.isKnown(commits[0]), true);
    assert.equal(tree.isKnown(COMMIT), false);
    const since = commits.map((commit) => tree.commitsSince(commit, pathspecsOf('zoo')));
    assert.deepEqual(since, [1, 1, 0, 0]);
  });

  it('has changes where a file of these paths is new or changed', (t) => {
    const directory = tempDirectory(t);
    repository(directory, ['test/zoo/a']);
    const hasChanges = (): boolean => workTree(directory).hasChanges(pathspecsOf('zoo'));
    writeFileSync(join(directory, 'elsewhere'), 'new');
    assert.equal(hasChanges(), false);
    writeFileSync(join(directory, 'test/zoo/b'), 'new');
    assert.equal(hasChanges(), true);
  });

  it('has no commit where there is no repository', (t) => {
    assert.equal(workTree(tempDirectory(t)).head(), undefined);
  });
});

describe('counts', () => {
  const END = '# tests 6\n# suites 1\n# pass 3\n# fail 1\n# skipped 1\n# todo 1\n# duration_ms 782.1\n';

  it("are those of the reporter's last lines, not of a test's output", () => {
    assert.deepEqual(countsOfTap(`# tests 99\n${END}`), { passed: 3, of: 6, skipped: 1 });
    assert.deepEqual(countsOfTap('# tests 99\nok 1 - a\n'), { passed: 0, of: 0 });
  });

  it('are the sum of what was told', (t) => {
    const file = join(tempDirectory(t), 'counts');
    assert.equal(readCounts(file), undefined);
    writeFileSync(file, '{"passed":1,"of":2}\n{"passed":3,"of":4,"skipped":1}\n');
    assert.deepEqual(readCounts(file), { passed: 4, of: 6, skipped: 1 });
  });
});

describe('a run is recorded', () => {
  /** Runs a process that begins a suite and goes on with `code`. */
  function record(t: TestContext, code: string): { runs: readonly object[]; said: string; status: number | null } {
    const directory = tempDirectory(t);
    repository(directory, ['test/zoo/a']);
    const modules = ['record-run', 'counts'].map((name) =>
      pathToFileURL(resolve(`scripts/lib/suite-runs/${name}.mjs`)),
    );
    const script = `
      const [{ recordRun }, { tellCounts }] = await Promise.all(${JSON.stringify(modules)}.map((url) => import(url)));
      recordRun('zoo', ['sequences'], ${JSON.stringify(directory)});
      ${code}`;
    const words = ['--input-type=module', '--eval', script];
    // One that is ended by a signal leaves its file of counts.
    const env = { ...process.env, TMPDIR: directory };
    const { status, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8', env });
    return { runs: readRuns(join(directory, RUNS_FILE)), said: stderr, status };
  }

  it('with its counts, and its status where it failed, however it ends', (t) => {
    const { runs, status } = record(t, 'tellCounts({ passed: 2, of: 3 }); process.exit(7);');
    assert.equal(status, 7);
    assert.equal(runs.length, 1);
    const { suite, part, passed, of, exit, node } = runs[0] as Record<string, unknown>;
    assert.deepEqual([suite, part, passed, of, exit], ['zoo', 'sequences', 2, 3, 7]);
    assert.equal(node, process.versions.node);
  });

  it('not if nothing was run, if it was called wrongly, or by a signal', (t) => {
    const none = record(t, 'process.exitCode = 1;');
    assert.match(none.said, /no test of it has run/);
    const wrong = record(t, 'tellCounts({ passed: 1, of: 1 }); process.exit(64);');
    const ended = record(
      t,
      'tellCounts({ passed: 1, of: 1 }); process.kill(process.pid, "SIGTERM"); setTimeout(() => {}, 60_000);',
    );
    assert.deepEqual([none.runs, wrong.runs, ended.runs], [[], [], []]);
  });
});

describe('what is shown', () => {
  const dirty = { suite: 'fuzz', dirty: true, skipped: 1, passed: 2 };
  const runs = [run(1), run(2, FAILED), run(3, PART), run(4, dirty)];

  it('is a row for each suite, with what came after its last pass', () => {
    const rows = renderPage(runs, ['zoo', 'fuzz', 'soak']).split('\n').slice(7);
    assert.deepEqual(rows, [
      '| `fuzz` | abcdef01 and changes | 2026-11-04 | 7 | 2 of 3, 1 skipped |  |',
      '| `soak` | never |  |  |  |  |',
      '| `zoo` | abcdef01 | 2026-11-01 | 7 | 3 of 3 | failed on 2026-11-02 at abcdef01: 2 of 3; `sequences` on 2026-11-03 at abcdef01: 1 of 1 |',
      '',
    ]);
  });

  it('is a line for each suite, and how many are due', () => {
    const states = [
      ['zoo', { pass: run(1), age: 0, due: undefined }],
      ['soak', { due: 'never run' }],
    ];
    const lines = renderStates(states).split('\n');
    assert.match(lines[0], /^suite +passed at +on +seconds +passed +commits since +due$/);
    assert.match(lines[1], /^zoo +abcdef01 +2026-11-01 +7 +3 of 3 +0$/);
    assert.match(lines[2], /^soak +never +never run$/);
    assert.equal(lines[4], '1 of 2 suites are due.');
  });
});

describe("this tree's suites", () => {
  it('have paths each, all of which are there, and their own files among them', () => {
    assert.deepEqual(Object.keys(TESTED_PATHS), Object.keys(SUITES));
    for (const [suite, paths] of Object.entries<readonly string[]>(TESTED_PATHS)) {
      for (const path of paths) assert.ok(existsSync(path), `${suite}: there is no ${path}`);
      for (const file of SUITES[suite].files ?? []) {
        const own = `test/${file.replace(/\.js$/, '.ts')}`;
        assert.ok(
          paths.some((path) => own.startsWith(path)),
          `${suite} does not have ${own}`,
        );
      }
    }
  });

  it('have lines of their names, and the page has what the lines say', () => {
    const runs = readRuns(RUNS_FILE);
    for (const { suite } of runs) assert.ok(suite in SUITES, suite);
    assert.equal(
      readFileSync('docs/results/suites.md', 'utf8'),
      renderPage(runs, Object.keys(TESTED_PATHS)),
      'run: npm run gen -- suites',
    );
  });
});
