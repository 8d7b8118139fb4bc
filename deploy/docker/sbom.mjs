/**
 * node sbom.mjs SBOM NODE-VERSION DIRECTORY [--wheels=FILE] PACKAGES…: makes the bill of materials of the product that of the
 * image, and writes it to standard output. It has the npm packages that are below the folders PACKAGES, the wheels that the
 * requirements FILE pins, the Debian packages of DIRECTORY/var/lib/dpkg/status.d, and Node.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

const [file, nodeVersion, directory, ...words] = process.argv.slice(2);
const packages = words.filter((word) => !word.startsWith('--'));
const wheels = words.filter((word) => !packages.includes(word)).flatMap((word) => wheelsOf(word.split('=')[1]));
const STATUS = join(directory, 'var', 'lib', 'dpkg', 'status.d');

const sbom = JSON.parse(readFileSync(file, 'utf8'));
const installed = new Set([...packages.flatMap(packagesBelow), ...wheels]);
const isInImage = ({ purl }) => installed.has(purl);
const npm = sbom.components.filter(isInImage).map(({ scope, ...component }) => component);
sbom.components = [...npm, node(), ...readdirSync(STATUS).map(debian)];
const present = new Set([sbom.metadata.component, ...sbom.components].map((component) => component['bom-ref']));
sbom.dependencies = (sbom.dependencies ?? [])
  .filter(({ ref }) => present.has(ref))
  .map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter((other) => present.has(other)) }));
process.stdout.write(`${JSON.stringify(sbom, undefined, 2)}\n`);

/** As package URLs, without the pip that fetches the others. */
function wheelsOf(requirements) {
  const pinned = readFileSync(requirements, 'utf8').matchAll(/^([A-Za-z0-9_.-]+)==([^\s\\]+)/gm);
  return [...pinned].filter(([, name]) => name !== 'pip').map(([, name, version]) => `pkg:pypi/${name.toLowerCase().replaceAll('_', '-')}@${version}`);
}

/** As package URLs; also those that lie below other packages. */
function packagesBelow(folder) {
  const modules = join(folder, 'node_modules');
  if (!existsSync(modules)) return [];
  const folders = readdirSync(modules).flatMap((name) =>
    name.startsWith('@') ? readdirSync(join(modules, name)).map((inner) => join(name, inner)) : [name],
  );
  return folders
    .filter((name) => existsSync(join(modules, name, 'package.json')))
    .flatMap((name) => {
      const { version } = JSON.parse(readFileSync(join(modules, name, 'package.json'), 'utf8'));
      return [`pkg:npm/${name.replace('@', '%40')}@${version}`, ...packagesBelow(join(modules, name))];
    });
}

function node() {
  const purl = `pkg:generic/node@${nodeVersion}`;
  const cpe = `cpe:2.3:a:nodejs:node.js:${nodeVersion}:*:*:*:*:*:*:*`;
  return { type: 'application', 'bom-ref': purl, name: 'node', version: nodeVersion, purl, cpe };
}

function debian(name) {
  const text = readFileSync(join(STATUS, name), 'utf8');
  const field = (wanted) => new RegExp(`^${wanted}: (.+)$`, 'm').exec(text)?.[1];
  const version = field('Version');
  const purl = `pkg:deb/debian/${encodeURIComponent(name)}@${encodeURIComponent(version)}?arch=${field('Architecture')}&distro=debian-13`;
  return { type: 'library', 'bom-ref': purl, name, version, purl };
}
