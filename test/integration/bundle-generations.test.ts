/** A build beside a program that runs: what it loads later is of the build that it began with. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { it, type TestContext } from 'node:test';
import { tempDirectory } from '../support/temp-directory.ts';

type Install = (fresh: string, directory: string) => void;
const { installGeneration } = (await import(
  new URL('../../../scripts/lib/bundle/generations.mjs', import.meta.url).href
)) as { installGeneration: Install };

/** Puts a program in the place of `bundle` that answers each line with its build's name, out of a part that it loads then. */
function build(bundle: string, name: string): void {
  const fresh = `${bundle}.new`;
  mkdirSync(fresh);
  const loop = `require('node:readline').createInterface({ input: process.stdin }).on('line', async (line) =>
  console.log((await import('./part.mjs?' + line)).name + ' ' + require('node:path').basename(__dirname)));
console.log('ready');`;
  writeFileSync(join(fresh, 'main.cjs'), loop);
  writeFileSync(join(fresh, 'part.mjs'), `export const name = '${name}';`);
  installGeneration(fresh, bundle);
}

async function started(t: TestContext, bundle: string): Promise<(line: string) => Promise<string>> {
  const child = spawn(process.execPath, [join(bundle, 'main.cjs')], { stdio: ['pipe', 'pipe', 'inherit'] });
  t.after(() => child.kill());
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  assert.equal((await lines.next()).value, 'ready');
  return async (line) => {
    child.stdin.write(`${line}\n`);
    return String((await lines.next()).value);
  };
}

it('a program goes on with its own build after the next, which is there at once for those that start', async (t) => {
  const bundle = join(tempDirectory(t), 'bundle');
  build(bundle, 'one');
  const first = await started(t, bundle);
  build(bundle, 'two');
  const second = await started(t, bundle);
  assert.match(await first('1'), /^one bundle-[0-9a-f]{12}$/);
  assert.match(await second('1'), /^two /);
  // Nothing has changed: the build before stays as well.
  build(bundle, 'two');
  assert.match(await first('2'), /^one /);
  build(bundle, 'three');
  assert.match(await second('2'), /^two /);
  assert.equal(readdirSync(join(bundle, '..')).length, 3, 'the link, the newest, and the one before');
});

it('takes the place of a folder that is no link yet', async (t) => {
  const bundle = join(tempDirectory(t), 'bundle');
  mkdirSync(bundle);
  writeFileSync(join(bundle, 'old.js'), '');
  build(bundle, 'one');
  assert.match(readlinkSync(bundle), /^bundle-[0-9a-f]{12}$/);
  assert.ok(existsSync(join(bundle, '..', 'bundle-before', 'old.js')));
});
