/**
 * Makes the code cache that main.cjs of a bundle gives V8, by starting the server and keeping what it compiled. It
 * counts for the program of Node that runs this.
 *
 *   node scripts/lib/bundle/make-code-cache.mjs BUNDLE [MODEL]
 *
 * BUNDLE: the folder of main.cjs. MODEL: the folder of a model, so that what loads and runs it is in the cache, too.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { LAUNCH_FLAGS } from './launch-flags.mjs';

/** The most time for a start; the machine may be busy. */
const PATIENCE_MS = 60_000;
const hook = fileURLToPath(new URL('code-cache-hook.cjs', import.meta.url));

const [bundle, model] = process.argv.slice(2);
if (bundle === undefined) {
  console.error('say of what: node scripts/lib/bundle/make-code-cache.mjs BUNDLE [MODEL]');
  process.exit(2);
}
const folder = resolve(bundle, 'serve');
const script = readdirSync(folder).find((name) => /^start-\w+\.cjs$/.test(name));
if (script === undefined) throw new Error(`${folder} has no script`);
const cache = join(folder, `${script}.${process.version}-${process.platform}-${process.arch}.cache`);
rmSync(cache, { force: true });

const scratch = mkdtempSync(join(tmpdir(), 'pillion-code-cache-'));
const server = start();
const giveUp = setTimeout(() => server.kill('SIGKILL'), PATIENCE_MS);
try {
  await isReady();
  server.kill('SIGUSR2');
  while (!existsSync(cache)) {
    if (server.exitCode !== null || server.signalCode !== null)
      throw new Error('the server ended without a code cache');
    await delay(20);
  }
  console.log(`${cache}: ${(statSync(cache).size / 1e6).toFixed(1)} MB`);
} finally {
  clearTimeout(giveUp);
  server.kill('SIGKILL');
  rmSync(scratch, { recursive: true });
}

function start() {
  const nothing = join(scratch, 'models.conf');
  writeFileSync(nothing, 'model_config_list {}\n');
  const models = model === undefined ? `--model_config_file=${nothing}` : `--model=model=${resolve(model)}`;
  const ports = ['--port=0', '--rest_api_port=0', '--admin_port=0'];
  return spawn(
    process.execPath,
    [...LAUNCH_FLAGS, '--require', hook, join(resolve(bundle), 'main.cjs'), 'serve', models, ...ports],
    { env: { ...process.env, NODE_OPTIONS: '', CODE_CACHE_FILE: cache }, stdio: ['ignore', 'ignore', 'pipe'] },
  );
}

async function isReady() {
  const lines = [];
  for await (const line of createInterface(server.stderr)) {
    if (line.includes('"event":"ready"')) return;
    lines.push(line);
  }
  throw new Error(`the server did not start:\n${lines.join('\n')}`);
}
