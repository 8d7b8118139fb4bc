/**
 * npm run bench: prepares the models and the load generators, then measures Pillion beside plain servers. Arguments go
 * to build/bench/load/load-bench.js, such as --seconds=5 --rounds=7.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ensureBuilt, ensureBuiltForTests, ensurePython, root, run, say } from './lib/setup.mjs';

function ensureLoadGenerators() {
  const isMissing = (command) => spawnSync(command, ['--version']).error !== undefined;
  if (!['wrk', 'h2load'].some(isMissing)) return;
  if (process.getuid?.() !== 0) {
    console.error('This needs wrk and h2load: apt-get install wrk nghttp2-client');
    process.exit(1);
  }
  say('Installing wrk and h2load (Debian packages wrk, nghttp2-client)');
  run('apt-get', ['update', '-qq']);
  run('apt-get', ['install', '-y', '-qq', 'wrk', 'nghttp2-client']);
}

function ensureModels() {
  const models = join(root, '.cache', 'bench-models');
  if (!existsSync(join(models, 'mlp_small', '1', 'model.onnx'))) {
    const python = ensurePython('examples', 'examples/requirements.txt');
    say('Writing the models to measure with');
    run(python, ['bench/models/export.py', models]);
  }
  return models;
}

ensureBuilt();
ensureBuiltForTests();
ensureLoadGenerators();
run(process.execPath, ['build/bench/load/load-bench.js', ensureModels(), ...process.argv.slice(2)]);
