/** Prepares what benchmarks need beside the build: load generators and models. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { installDebianPackages } from './debian-program.mjs';
import { ensurePython, root, run, say } from './setup.mjs';

/** wrk and h2load, installed where this process may. */
export function ensureLoadGenerators() {
  const isMissing = (command) => spawnSync(command, ['--version']).error !== undefined;
  if (['wrk', 'h2load'].some(isMissing)) installDebianPackages(['wrk', 'nghttp2-client']);
}

/** @param {readonly string[]} names of bench/models/export.py; returns the directory that holds them */
export function ensureBenchModels(names) {
  const models = join(root, '.cache', 'bench-models');
  if (names.some((name) => !existsSync(join(models, name, '1', 'model.onnx')))) {
    const python = ensurePython('examples', 'examples/requirements.txt');
    say('Writing the models to measure with');
    run(python, ['bench/models/export.py', models]);
  }
  return models;
}
