/** What the image consists of: `npm test -- image` builds it first. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { LAUNCH_FLAGS } from '../../bench/support/launcher.ts';
import { IMAGE, podman } from './containers.ts';
import { compressedLayers, filesBelow, withFiles } from './image-contents.ts';

const MOST_BYTES = 160e6;
const SBOM = 'opt/pillion/sbom.cdx.json';
const READ_BY_ALL = 0o444;

interface Component {
  readonly name: string;
  readonly version: string;
  readonly purl: string;
}

describe('the image', () => {
  it('is small', async (t) => {
    const layers = await compressedLayers(IMAGE);
    for (const { by, bytes } of layers) t.diagnostic(`${(bytes / 1e6).toFixed(1).padStart(6)} MB compressed: ${by}`);
    const total = layers.reduce((sum, { bytes }) => sum + bytes, 0);
    t.diagnostic(`${(total / 1e6).toFixed(1).padStart(6)} MB compressed in all`);
    assert.ok(total < MOST_BYTES, `${total} bytes`);
    for (const [page, said] of [
      ['README.md', /As a container, of (\d+) MB/],
      ['docs/tutorial/docker.md', /ONNX Runtime, trees, remote models \| (\d+) MB \|/],
    ] as const) {
      const megabytes = Number(said.exec(readFileSync(page, 'utf8'))?.[1]);
      assert.ok(Math.abs(megabytes * 1e6 - total) < 4e6, `${page} says ${megabytes} MB, and it has ${total} bytes`);
    }
  });

  it('has five programs, no shell, and nothing that only some users may read', async () => {
    await withFiles(IMAGE, (directory) => {
      const files = filesBelow(directory);
      const programs = readdirSync(join(directory, 'usr', 'bin')).sort();
      assert.deepEqual(programs, ['node', 'pillion', 'setpriv', 'tensorflow_model_server', 'tritonserver']);
      assert.deepEqual(readdirSync(join(directory, 'usr', 'sbin')), []);
      assert.deepEqual(
        files.filter(({ mode }) => (mode & READ_BY_ALL) !== READ_BY_ALL),
        [],
      );
      assert.deepEqual(
        files.filter(({ mode }) => (mode & 0o6000) !== 0),
        [],
      );
      const writable = files.filter(({ mode, path }) => (mode & 0o022) !== 0 && path !== 'tmp');
      assert.deepEqual(writable, []);
      // Of the maps, errors need the bundle's.
      const notForTheImage =
        /(?<!dist\/bundle\/(serve\/)?[^/]*)\.map$|\.(d\.ts|md\.orig)$|^(src|opt\/pillion\/(src|test|\.git))/;
      assert.deepEqual(
        files.filter(({ path }) => notForTheImage.test(path)),
        [],
      );
    });
  });

  it('has the locales that exported text pipelines want', async () => {
    await withFiles(IMAGE, (directory) => {
      for (const locale of ['en_US.utf8', 'C.utf8']) {
        const parts = readdirSync(join(directory, 'usr', 'lib', 'locale', locale));
        assert.ok(
          ['LC_COLLATE', 'LC_CTYPE'].every((part) => parts.includes(part)),
          `${locale}: ${parts.join(', ')}`,
        );
      }
    });
  });

  it('has licences of all that it redistributes', async () => {
    await withFiles(IMAGE, (directory) => {
      const read = (path: string): string => readFileSync(join(directory, path), 'utf8');
      assert.match(read('opt/pillion/LICENSE'), /Apache License/);
      assert.match(read('usr/share/doc/node/LICENSE'), /Node\.js is licensed/);
      for (const name of readdirSync(join(directory, 'var/lib/dpkg/status.d')))
        assert.ok(read(`usr/share/doc/${name}/copyright`));
    });
  });

  it('has a bill of materials that names what is in it, and no more', async (t) => {
    await withFiles(IMAGE, (directory) => {
      const { components } = JSON.parse(readFileSync(join(directory, SBOM), 'utf8')) as { components: Component[] };
      for (const { name, version, purl } of components) t.diagnostic(`${purl.split(/[:/]/)[1]} ${name} ${version}`);
      const named = (type: string): string[] =>
        components.filter(({ purl }) => purl.startsWith(`pkg:${type}/`)).map(({ purl }) => purl);
      const packages = filesBelow(join(directory, 'opt/pillion/node_modules'))
        .filter(({ path }) => /(^|node_modules\/)(@[^/]+\/)?[^/@]+\/package\.json$/.test(path))
        .map(
          ({ path }) =>
            JSON.parse(readFileSync(join(directory, 'opt/pillion/node_modules', path), 'utf8')) as Component,
        )
        .map(({ name, version }) => `pkg:npm/${name.replace('@', '%40')}@${version}`);
      assert.deepEqual([...new Set(named('npm'))].sort(), [...new Set(packages)].sort());
      const debian = readdirSync(join(directory, 'var/lib/dpkg/status.d'));
      assert.equal(named('deb').length, debian.length);
      assert.deepEqual(named('pypi'), []);
      assert.equal(named('generic').length, 1);
    });
  });

  it('has a code cache that its Node takes, under the flags of its environment', async () => {
    const look = `const { readdirSync, readFileSync } = require('node:fs');
      const folder = '/opt/pillion/dist/bundle/serve/';
      const names = readdirSync(folder);
      const cache = names.find((name) => name.endsWith('.cache'));
      const script = names.find((name) => /^start-\\w+\\.cjs$/.test(name));
      const cachedData = readFileSync(folder + cache);
      const { cachedDataRejected } = new (require('node:vm').Script)(readFileSync(folder + script, 'latin1'), { cachedData });
      console.log(cache === script + '.' + process.version + '-linux-' + process.arch + '.cache', cachedDataRejected);`;
    const said = await podman(
      'run',
      '--rm',
      '--pull=never',
      '--network=host',
      '--entrypoint=/usr/bin/node',
      IMAGE,
      '-e',
      look,
    );
    assert.equal(said.trim(), 'true false');
  });

  it('says in its labels what it is and which commit', async () => {
    const [{ Config: config }] = JSON.parse(await podman('image', 'inspect', IMAGE));
    const label = (name: string): string => config.Labels[`org.opencontainers.image.${name}`];
    assert.equal(label('version'), JSON.parse(readFileSync('package.json', 'utf8')).version);
    assert.equal(label('licenses'), 'Apache-2.0');
    assert.match(label('revision'), /^[0-9a-f]{40}(-changed)?$/);
    assert.ok(Date.parse(label('created')) > 0);
    assert.equal(config.User, '65532:65532');
    assert.equal(config.StopSignal, 'SIGTERM');
    assert.deepEqual(config.Entrypoint, ['/usr/bin/pillion']);
  });

  it('sets what bin/pillion sets', async () => {
    const [{ Config: config }] = JSON.parse(await podman('image', 'inspect', IMAGE));
    const launcher = readFileSync('bin/pillion', 'utf8');
    const [, threshold] = /MALLOC_MMAP_THRESHOLD_:=(\d+)/.exec(launcher)!;
    assert.ok(config.Env.includes(`NODE_OPTIONS=${LAUNCH_FLAGS.join(' ')}`), config.Env.join('\n'));
    const [, main] = /dirname[^\n]*\/\.\.\/(dist\/\S+)"/.exec(launcher)!;
    assert.match(
      readFileSync('deploy/docker/pillion', 'utf8'),
      new RegExp(`^require\\('/opt/pillion/${main}'\\);$`, 'm'),
    );
    assert.ok(config.Env.includes(`MALLOC_MMAP_THRESHOLD_=${threshold}`), config.Env.join('\n'));
  });

  it('comes from a Dockerfile that hadolint likes', async () => {
    await promisify(execFile)(process.env['PILLION_TEST_HADOLINT']!, ['deploy/docker/Dockerfile']);
  });
});
