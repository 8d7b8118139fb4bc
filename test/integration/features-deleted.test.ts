/** Everything else compiles without the folder of a feature, its tests and its line in src/pillion.ts. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { it, type TestContext } from 'node:test';
import { FEATURES } from '../../src/pillion.ts';
import { tempDirectory } from '../support/temp-directory.ts';

/** Where a feature has its folder, its tests and its target of fuzzing. */
const pathsOf = (name: string): readonly string[] => [
  ...['src/features', 'src/backends', 'test/features'].map((within) => join(within, name)),
  join('test/fuzz/targets', `${name}.ts`),
];
const LIST = 'src/pillion.ts';
/** All that the compiler reads. */
const READ = ['src', 'test', 'bench', 'tsconfig.json', 'package.json'];
const IN_BACKENDS = readdirSync('src/backends').filter((name) => existsSync(join('src/backends', name, 'feature.ts')));
const NAMES = [...readdirSync('src/features'), ...IN_BACKENDS];

it('all else compiles without a feature', async (t) => {
  const root = copyOf(t);
  assert.equal(compile(root), '');
  for (const name of NAMES) {
    await t.test(`without ${name}`, (each) => {
      leaveOut(
        each,
        root,
        FEATURES.without(name).absent.map((feature) => feature.name),
      );
      assert.equal(compile(root), '');
    });
  }
});

function copyOf(t: TestContext): string {
  const root = tempDirectory(t);
  for (const path of READ) cpSync(path, join(root, path), { recursive: true });
  symlinkSync(resolve('node_modules'), join(root, 'node_modules'));
  return root;
}

/** Until the test ends. */
function leaveOut(t: TestContext, root: string, names: readonly string[]): void {
  const list = join(root, LIST);
  const whole = readFileSync(list, 'utf8');
  t.after(() => writeFileSync(list, whole));
  writeFileSync(list, names.reduce(withoutLine, whole));
  for (const path of names.flatMap(pathsOf).map((each) => join(root, each))) {
    if (!existsSync(path)) continue;
    const aside = path.replace(root, join(root, 'aside'));
    mkdirSync(dirname(aside), { recursive: true });
    renameSync(path, aside);
    t.after(() => renameSync(aside, path));
  }
}

/** The list without a feature's import and its line. */
function withoutLine(list: string, name: string): string {
  const imported = new RegExp(`import \\{ (\\w+) \\} from '\\S*/${name}/feature\\.ts';\\n`).exec(list);
  assert.ok(imported !== null, `${LIST} does not list ${name}`);
  const line = new RegExp(`^ {2}\\{\\s*feature: ${imported[1]},[^}]*\\},\\n`, 'm');
  assert.match(list, line);
  return list.replace(imported[0], '').replace(line, '');
}

/** The compiler's mistakes. Only what a change touches is checked again. */
function compile(root: string): string {
  const tsc = resolve('node_modules/typescript/bin/tsc');
  const { stdout } = spawnSync(process.execPath, [tsc, '--noEmit', '-p', 'tsconfig.json'], { cwd: root });
  return stdout.toString();
}
