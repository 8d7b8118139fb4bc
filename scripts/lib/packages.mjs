/**
 * Checks the npm packages, ours and those of TensorFlow's libraries: their licences, that each is pinned by a hash, and
 * known vulnerabilities of those that are delivered, where the registry tells them.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup.mjs';

/** Permissive ones: nothing of a product that contains them must be published. */
const LICENCES = [
  '0BSD',
  'Apache-2.0',
  'BlueOak-1.0.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'CC0-1.0',
  'ISC',
  'MIT',
  'Unlicense',
];
/** Licences of data that only tools read, browsers' versions, and of programs that only tests run, axe-core. */
const DEV_LICENCES = ['CC-BY-4.0', 'MPL-2.0'];
/** A vulnerability of less does not end the check. */
const LEAST_SEVERITY = 'moderate';

/** Directories with a lock file. */
const LOCKED = ['.', join('scripts', 'natives', 'tfjs')];

/** Throws an error with a line for each package that must not be there. */
export function checkPackages() {
  const problems = LOCKED.flatMap((directory) => [...lockProblems(directory), ...knownVulnerabilities(directory)]);
  if (problems.length > 0) throw new Error(`npm packages:\n  ${problems.join('\n  ')}`);
}

/** Licences and hashes. @param {string} directory relative to the root */
function lockProblems(directory) {
  const { packages } = JSON.parse(readFileSync(join(root, directory, 'package-lock.json'), 'utf8'));
  return Object.entries(packages).flatMap(([path, { license, integrity, dev = false }]) => {
    if (path === '') return [];
    const allowed = dev ? [...LICENCES, ...DEV_LICENCES] : LICENCES;
    const problems = [];
    if (!isAllowed(license, allowed)) problems.push(`${path}: its licence is ${license}; take another package`);
    if (!integrity?.startsWith('sha512-')) problems.push(`${path}: package-lock.json has no SHA-512 of it`);
    return problems;
  });
}

/** `license` is an SPDX expression; one with both AND and OR is for a person to read. */
function isAllowed(license = '', allowed) {
  const expression = license.replace(/^\((.*)\)$/, '$1');
  if (expression.includes(' OR ')) return expression.split(' OR ').some((each) => allowed.includes(each));
  return expression.split(' AND ').every((each) => allowed.includes(each));
}

/**
 * The vulnerabilities of the packages that are delivered. Says so if the registry has no answer: it is a mirror, or
 * there is no network.
 */
function knownVulnerabilities(directory) {
  const args = ['audit', '--omit=dev', `--audit-level=${LEAST_SEVERITY}`, '--json'];
  const { status, stdout } = spawnSync('npm', args, { cwd: join(root, directory), encoding: 'utf8' });
  const report = parsed(stdout);
  if (report?.vulnerabilities === undefined) {
    console.warn(
      `! ${directory}: the registry tells no vulnerabilities (${report?.message ?? 'no answer'}); not checked`,
    );
    return [];
  }
  if (status === 0) return [];
  return Object.entries(report.vulnerabilities).map(([name, { severity, range }]) => {
    return `${name} ${range}: known vulnerability, ${severity}; npm audit has the details`;
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
