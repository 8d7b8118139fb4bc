/** A copy of the source tree, out of which features are deleted: their folders, their tests and their lines. */
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
import { dirname, join, relative, resolve } from 'node:path';
import process from 'node:process';
import type { TestContext } from 'node:test';
import { filesThatReach } from './imports.ts';
import { tempDirectory } from './temp-directory.ts';

const LIST = 'src/pillion.ts';
/** These are compiled, generated or deleted. The rest of the tree is read where it is. */
const COPIED = ['src', 'test', 'bench', 'scripts', 'docs', 'build', 'tsconfig.json', 'package.json'];
/** Nothing here belongs to the source. */
const LEFT = ['.git', 'dist'];
/** Writes what is made of the list, as `npm run gen -- schema` and `npm run gen -- options` do. */
const WRITE_GENERATED = `
  import { readFileSync, writeFileSync } from 'node:fs';
  import { configurationSchemas } from './scripts/lib/json-schema.mjs';
  import { withOptions } from './scripts/lib/option-entries.mjs';
  const page = 'docs/reference/configuration.md';
  writeFileSync(page, await withOptions(readFileSync(page, 'utf8'), process.cwd() + '/build/src'));
  for (const [name, schema] of Object.entries(await configurationSchemas(process.cwd() + '/build/src')))
    writeFileSync('docs/' + name, JSON.stringify(schema, undefined, 2) + '\\n');`;
/** Runs test files in one process, as `npm test` does. */
const runTests = (files: readonly string[]) => `
  import { statusOfTestFiles } from './scripts/lib/node-tests.mjs';
  process.exit(statusOfTestFiles(${JSON.stringify(files)}, {
    groupOf: () => 'without',
    options: ['--test-timeout=60000'],
  }));`;

/** Runs those of the files that `npm test` does. Links and texts of pages, and paths of suites, lead into features. */
const runCore = (files: readonly string[]) => `
  import { ensureBuiltForTests } from './scripts/lib/setup.mjs';
  import { runCoreTests } from './scripts/lib/usual-tests.mjs';
  ensureBuiltForTests();
  runCoreTests(${JSON.stringify(files)}.filter((path) => !/features-without|doc-links|suite-runs|^unit.docs/.test(path)));`;

/** A line of the list. */
interface Listed {
  readonly name: string;
  /** The name by which the list imports it. */
  readonly imported: string;
  /** Its folder below src. */
  readonly folder: string;
}

export class TreeWithout {
  readonly #root: string;
  readonly #list = readFileSync(LIST, 'utf8');
  readonly #listed: readonly Listed[];

  constructor(t: TestContext) {
    this.#root = tempDirectory(t);
    for (const path of COPIED) cpSync(path, join(this.#root, path), { recursive: true });
    for (const path of readdirSync('.')) {
      if (!COPIED.includes(path) && !LEFT.includes(path)) symlinkSync(resolve(path), join(this.#root, path));
    }
    const imports = this.#list.matchAll(/^import \{ (\w+) \} from '\.\/(\S*?([^/]+))\/feature\.ts';\n/gm);
    this.#listed = [...imports].map(([, imported, folder, name]) => ({
      name: name!,
      imported: imported!,
      folder: folder!,
    }));
  }

  /** Names of all features of the list. */
  get names(): readonly string[] {
    return this.#listed.map(({ name }) => name);
  }

  /** Deletes these features until the test ends. */
  leaveOut(t: TestContext, names: readonly string[]): void {
    const gone = this.#listed.filter(({ name }) => names.includes(name));
    const list = join(this.#root, LIST);
    t.after(() => writeFileSync(list, this.#list));
    writeFileSync(list, gone.reduce(withoutLine, this.#list));
    for (const { folder, name } of gone) {
      for (const path of ['src', 'build/src'].map((root) => join(root, folder))) this.#putAside(t, path);
      for (const path of ['test', 'build/test'].map((root) => join(root, 'features', name))) this.#putAside(t, path);
      for (const path of [`test/fuzz/targets/${name}.ts`, `build/test/fuzz/targets/${name}.js`])
        this.#putAside(t, path);
    }
  }

  #putAside(t: TestContext, path: string): void {
    const [from, aside] = [join(this.#root, path), join(this.#root, 'aside', path)];
    if (!existsSync(from)) return;
    mkdirSync(dirname(aside), { recursive: true });
    renameSync(from, aside);
    t.after(() => renameSync(aside, from));
  }

  /** Compiles what has changed. Returns the compiler's mistakes, and generates what is made of the list. */
  compile(): string {
    const mistakes = this.#run(['node_modules/typescript/bin/tsc', '-p', 'tsconfig.json']).output;
    return mistakes || this.#run(['--input-type=module', '--eval', WRITE_GENERATED]).output;
  }

  /** Runs what `npm test` runs of the files that read the list or what does. Returns what failed. */
  failuresOfCore(): string {
    return this.#failures(runCore(this.#reading(this.#testsIn('.'))));
  }

  /**
   * Runs those test files below these folders that read the list or what does, but for servers in processes of their
   * own, and for TensorFlow's, which take long. The other files import the same as with all features, here and above.
   * Returns what failed.
   */
  failuresOf(folders: readonly string[]): string {
    const files = folders.flatMap((folder) => this.#testsIn(folder));
    const quick = files.filter((path) => !/integration|tfjs/.test(path));
    return this.#failures(runTests(this.#reading(quick)));
  }

  #failures(program: string): string {
    const { status, output } = this.#run(['--input-type=module', '--eval', program]);
    return status === 0 ? '' : output.slice(output.indexOf('failing tests'));
  }

  #testsIn(folder: string): readonly string[] {
    const within = join(this.#root, 'test', folder);
    const paths = readdirSync(within, { recursive: true, encoding: 'utf8' });
    return paths.filter((path) => path.endsWith('.test.ts')).map((path) => join(within, path));
  }

  /** The compiled files below build/test of those that read the list. */
  #reading(files: readonly string[]): readonly string[] {
    const reading = filesThatReach(join(this.#root, LIST), files);
    return reading.map((file) => relative(join(this.#root, 'test'), file).replace(/\.ts$/, '.js'));
  }

  #run(args: readonly string[]): { readonly status: number | null; readonly output: string } {
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      cwd: this.#root,
      encoding: 'utf8',
      env: { ...process.env, NODE_TEST_CONTEXT: undefined },
    });
    return { status, output: stdout + stderr };
  }
}

/** The list without a feature's import and its line. */
function withoutLine(list: string, { imported }: Listed): string {
  const line = new RegExp(`^ {2}\\{\\s*feature: ${imported},[^}]*\\},\\n`, 'm');
  if (!line.test(list)) throw new Error(`${LIST} has no line of ${imported}`);
  return list.replace(new RegExp(`^import \\{ ${imported} \\} .*\\n`, 'm'), '').replace(line, '');
}
