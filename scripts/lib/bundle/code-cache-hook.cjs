/**
 * Loaded before main.cjs by make-code-cache.mjs: on SIGUSR2 writes the code cache of the script to CODE_CACHE_FILE,
 * with the functions that have run until then. V8's flags stay as they were at the start: a cache counts for the flags
 * that were set when its script is compiled, which is before the server sets its own.
 */
const { renameSync, writeFileSync } = require('node:fs');
const process = require('node:process');
const v8 = require('node:v8');
const vm = require('node:vm');

const { Script } = vm;
let compiled;
vm.Script = class extends Script {
  constructor(...args) {
    super(...args);
    compiled ??= this;
  }
};
v8.setFlagsFromString = () => undefined;
process.on('SIGUSR2', () => {
  const file = process.env.CODE_CACHE_FILE;
  writeFileSync(`${file}.new`, compiled.createCachedData());
  renameSync(`${file}.new`, file);
});
