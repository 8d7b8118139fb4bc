/**
 * Where tfjs-node and libtensorflow are on this machine. They are too heavy to come with Pillion's packages (1.1 GB), so
 * `npm run natives -- tfjs` puts them into a cache of their own, which `npm ci` leaves alone.
 *
 *   $PILLION_NATIVES_DIRECTORY, or $XDG_CACHE_HOME/pillion/natives, or ~/.cache/pillion/natives
 *   └─ <TFJS_NATIVES>/node_modules/@tensorflow/tfjs-node
 */
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { ServingError } from '../../core/errors.ts';

/** The folder's name: versions, and a hash of all that it is made of. The script says so when it no longer fits. */
export const TFJS_NATIVES = 'tfjs-4.22.0-tensorflow-2.21.0-b1c713b1';

/** Where natives are kept. */
export function nativesDirectory(): string {
  const { PILLION_NATIVES_DIRECTORY: own, XDG_CACHE_HOME: cache } = process.env;
  return own || join(cache || join(homedir(), '.cache'), 'pillion', 'natives');
}

/** tfjs-node's package. Throws `load_failed`, with the command to run, where it is not there. */
export function tfjsNodeDirectory(): string {
  const directory = join(nativesDirectory(), TFJS_NATIVES, 'node_modules', '@tensorflow', 'tfjs-node');
  if (existsSync(directory)) return directory;
  throw new ServingError(
    'load_failed',
    `TensorFlow's libraries are not on this machine (${TFJS_NATIVES} is not in "${nativesDirectory()}"); ` +
      `run: npm run natives -- tfjs`,
  );
}
