/** bin/pillion: what a shell or a container starts. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { describe, it, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { tempDirectory } from '../support/temp-directory.ts';

const run = promisify(execFile);

/** An installation whose main.cjs tells what it was given. */
function installation(t: TestContext): string {
  const root = tempDirectory(t);
  for (const name of ['bin', 'dist/bundle']) mkdirSync(join(root, name), { recursive: true });
  copyFileSync('bin/pillion', join(root, 'bin', 'pillion'));
  const tell = 'console.log(JSON.stringify([process.env.MALLOC_MMAP_THRESHOLD_, process.argv.slice(2)]))';
  writeFileSync(join(root, 'dist', 'bundle', 'main.cjs'), tell);
  return root;
}

/** With the Node that runs the tests. */
function environment(more: Record<string, string> = {}): NodeJS.ProcessEnv {
  return { PATH: `${join(process.execPath, '..')}:${process.env['PATH']}`, ...more };
}

describe('bin/pillion', () => {
  it('gives its arguments on as they are, and has freed blocks of 1 MiB go back to the system', async (t) => {
    const { stdout } = await run(join(installation(t), 'bin', 'pillion'), ['serve', '--model=a b=/x y', '*'], {
      env: environment(),
    });
    assert.deepEqual(JSON.parse(stdout), ['1048576', ['serve', '--model=a b=/x y', '*']]);
  });

  it('says what is missing in a checkout that has not been built, and in a package that was made of one', async (t) => {
    const root = installation(t);
    rmSync(join(root, 'dist'), { recursive: true });
    const start = () => run(join(root, 'bin', 'pillion'), [], { env: environment() });
    await assert.rejects(start(), {
      code: 1,
      stderr: /by npm pack, and is empty: npm run package makes the right one/,
    });
    mkdirSync(join(root, 'scripts'));
    writeFileSync(join(root, 'scripts', 'build.mjs'), '');
    await assert.rejects(start(), { code: 1, stderr: /it has not been built yet: npm run build/ });
  });

  it('is all that npm packs of a checkout, beside texts', async () => {
    const pack = ['pack', '--dry-run', '--json', '--ignore-scripts'];
    const { stdout } = await run('npm', pack, { env: environment(), maxBuffer: 2 ** 26 });
    const [{ files }] = JSON.parse(stdout) as [{ files: { path: string }[] }];
    assert.deepEqual(files.map(({ path }) => path).sort(), ['LICENSE', 'README.md', 'bin/pillion', 'package.json']);
    const scripts = [...pack.slice(0, -1), '--ignore-scripts=false'];
    await assert.rejects(run('npm', scripts, { env: environment() }), { stderr: /npm run package/ });
  });

  it('leaves a threshold that is set as it is', async (t) => {
    const env = environment({ MALLOC_MMAP_THRESHOLD_: '2097152' });
    const { stdout } = await run(join(installation(t), 'bin', 'pillion'), [], { env });
    assert.deepEqual(JSON.parse(stdout), ['2097152', []]);
  });

  it('leaves the environment of a command that await runs as it is', async (t) => {
    const { stdout } = await run(join(installation(t), 'bin', 'pillion'), ['await', '--', 'app'], {
      env: environment(),
    });
    // JSON has null for undefined.
    assert.deepEqual(JSON.parse(stdout), [null, ['await', '--', 'app']]);
  });

  it('finds its files through a link, as npm makes them', async (t) => {
    const root = installation(t);
    symlinkSync(join(root, 'bin', 'pillion'), join(root, 'linked'));
    const { stdout } = await run(join(root, 'linked'), ['x'], { env: environment(), cwd: '/' });
    assert.deepEqual(JSON.parse(stdout)[1], ['x']);
  });

  it('says what it needs where it may open too few files, instead of a stack trace', async (t) => {
    const root = installation(t);
    const start = (descriptors: number) =>
      run('/bin/sh', ['-c', `ulimit -n ${descriptors}; exec "$0"`, join(root, 'bin', 'pillion')], {
        env: environment(),
      });
    await assert.rejects(start(64), (error: Error & { code: number; stderr: string }) => {
      assert.equal(error.code, 1);
      assert.match(error.stderr, /may have 64 files and sockets open, and needs 256/);
      assert.match(error.stderr, /ulimit -n 1024/);
      return true;
    });
    assert.match((await start(256)).stdout, /1048576/);
  });
});
