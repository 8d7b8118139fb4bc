#!/usr/bin/env node
/**
 * dist/bundle/main.cjs, which bin/pillion starts: `pillion serve` as one script with V8's code cache where there is one
 * (scripts/lib/bundle/build-scripts.mjs), all other commands as the module main.js.
 *
 * The cache is made for one program of Node and its flags. V8 refuses any other and compiles the script, as without
 * one.
 */
const { readFileSync } = require('node:fs');
const { join } = require('node:path');
const process = require('node:process');
const { pathToFileURL } = require('node:url');
const { Script } = require('node:vm');

/** These two are filled in by the build. */
const SCRIPT = 'start.cjs';
const MERGED = {};

const [command = ''] = process.argv.slice(2);
const isServer = command === 'serve' || command === 'tritonserver';
if (isServer || (command.startsWith('--') && command !== '--version' && command !== '--help')) serve();
else void import('./main.js');

function serve() {
  const file = join(__dirname, 'serve', SCRIPT);
  // Latin-1, since the build writes ASCII: V8 then keeps a byte a character.
  const source = readFileSync(file, 'latin1');
  const url = pathToFileURL(file).href;
  const script = new Script(source, { filename: url, cachedData: readCache(`${file}.${nodeKey()}.cache`) });
  script.runInThisContext()(exports, require, module, importLater, url);
}

function nodeKey() {
  return `${process.version}-${process.platform}-${process.arch}`;
}

function readCache(file) {
  try {
    return readFileSync(file);
  } catch {
    return undefined;
  }
}

/**
 * Imports what the script needs later: a module that was merged into it, which is there already, a module beside it, or
 * a plug-in's package.
 */
function importLater(specifier) {
  const name = MERGED[specifier];
  if (name !== undefined) return Promise.resolve().then(() => module.exports[name]);
  return specifier.startsWith('./') ? import(`./serve/${specifier.slice('./'.length)}`) : import(specifier);
}
