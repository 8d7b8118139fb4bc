/** A generated file that is checked in: written, or compared with what it should be. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { root } from './setup.mjs';

/** With --check on the command line the process ends with status 1 if the file differs, and `command` is named. */
export function writeOrCheck(path, wanted, command) {
  const target = join(root, path);
  if (!process.argv.includes('--check')) {
    writeFileSync(target, wanted);
    return;
  }
  if (readIfThere(target) === wanted) return;
  console.error(`${path} is not what its source says; run: ${command}`);
  process.exitCode = 1;
}

function readIfThere(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}
