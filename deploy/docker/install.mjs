/**
 * node install.mjs FROM TO: the npm packages that TO/package.json depends on, copied from FROM/node_modules, where npm has
 * installed what the lockfile pins, to TO/node_modules, without type declarations and source maps. What TO has already
 * stays: it is the runtime, cut down to its platform.
 */
import { cpSync, existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';

const [from, to] = process.argv.slice(2);
const LEFT_OUT = /\.(map|d\.[cm]?ts)$/;

const manifest = (directory) => JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'));

/** The folder of a package, relative to FROM, as Node finds it from another folder there. */
function find(name, at) {
  for (let folder = at; ; folder = dirname(folder)) {
    const found = join(folder, 'node_modules', name);
    if (existsSync(join(from, found, 'package.json'))) return found;
    if (folder === '.') return undefined;
  }
}

function copy(folder) {
  const nested = join(from, folder, 'node_modules');
  cpSync(join(from, folder), join(to, folder), {
    recursive: true,
    filter: (file) => file !== nested && !LEFT_OUT.test(file),
  });
}

const visited = new Set();
const waiting = [['.', manifest(to)]];
for (const [at, { dependencies = {}, optionalDependencies = {} }] of waiting) {
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
    const folder = find(name, at);
    if (folder === undefined && name in optionalDependencies) continue;
    if (folder === undefined) throw new Error(`${name}, which ${at} depends on, is not in ${from}`);
    if (visited.has(folder)) continue;
    visited.add(folder);
    const isThere = existsSync(join(to, folder));
    if (!isThere) copy(folder);
    waiting.push([folder, manifest(join(isThere ? to : from, folder))]);
  }
}
console.log(`${visited.size} npm packages`);
