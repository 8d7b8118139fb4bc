/**
 * npm run sbom: the bill of materials of the product, in CycloneDX's JSON: its npm packages with their hashes and
 * licences, and, as they are fetched beside them, the packages and the wheels of TensorFlow's and CUDA's libraries.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { ensurePackages, root } from './lib/setup.mjs';
import { isHelp, refuse } from './lib/words.mjs';

const USAGE = `Usage: npm run sbom [-- FILE]

Writes the software bill of materials (CycloneDX, JSON) to FILE; default dist/sbom.cdx.json.`;

const NATIVES = join(root, 'scripts', 'natives', 'tfjs');
const CUDA = join(root, 'scripts', 'natives', 'cuda');

const words = process.argv.slice(2);
if (words.some(isHelp)) {
  console.log(USAGE);
  process.exit();
}
if (words.length > 1 || words[0]?.startsWith('-')) refuse(`One file, not ${words.join(' ')}.`, USAGE);
const file = join(root, words[0] ?? join('dist', 'sbom.cdx.json'));

ensurePackages();
const sbom = cycloneDx(root);
const natives = [...cycloneDx(NATIVES).components, ...wheels(NATIVES), ...wheels(CUDA)].map(onlyWithNatives);
const present = new Set(sbom.components.map(({ purl }) => purl));
for (const component of natives) {
  if (!present.has(component.purl)) sbom.components.push(component);
  present.add(component.purl);
}
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, `${JSON.stringify(sbom, undefined, 2)}\n`);
console.log(`${sbom.components.length} components in ${file}`);

/**
 * npm's own, of what package-lock.json pins and no development needs. npm wants a version of what it describes. It
 * would leave out, with what development needs, also those of these packages that the product needs, too: it is not
 * told of any.
 */
function cycloneDx(directory) {
  const copy = mkdtempSync(join(tmpdir(), 'pillion-sbom-'));
  try {
    for (const file of ['package.json', 'package-lock.json']) {
      const { devDependencies: _tools, packages, ...content } = JSON.parse(readFileSync(join(directory, file), 'utf8'));
      const used = packages && { packages: withoutDevelopment(packages) };
      writeFileSync(join(copy, file), JSON.stringify({ version: '0.0.0', ...content, ...used }));
    }
    return readCycloneDx(copy);
  } finally {
    rmSync(copy, { recursive: true });
  }
}

function withoutDevelopment({ '': { devDependencies: _tools, ...own }, ...packages }) {
  return { '': own, ...Object.fromEntries(Object.entries(packages).filter(([, { dev }]) => dev !== true)) };
}

function readCycloneDx(directory) {
  const args = ['sbom', '--sbom-format=cyclonedx', '--package-lock-only'];
  return JSON.parse(execFileSync('npm', args, { cwd: directory, encoding: 'utf8', maxBuffer: 2 ** 26 }));
}

/** The Python packages that a recipe's requirements.txt pins by hash: libtensorflow comes in one. */
function wheels(recipe) {
  const text = readFileSync(join(recipe, 'requirements.txt'), 'utf8').replaceAll('\\\n', ' ');
  return [...text.matchAll(/^([A-Za-z0-9_.-]+)==(\S+)(.*)$/gm)].map(([, name, version, hashes]) => ({
    type: 'library',
    'bom-ref': `${name}@${version}`,
    name,
    version,
    purl: `pkg:pypi/${name.toLowerCase().replaceAll('_', '-')}@${version}`,
    hashes: [...hashes.matchAll(/--hash=sha256:([0-9a-f]{64})/g)].map(([, content]) => ({ alg: 'SHA-256', content })),
  }));
}

function onlyWithNatives(component) {
  return { ...component, scope: 'optional' };
}
