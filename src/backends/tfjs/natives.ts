/**
 * Locates tfjs-node and libtensorflow on this machine. They are too large for Pillion's packages (1.1 GB): `pillion
 * natives tfjs` (prepare-natives.ts) installs them.
 *
 *   nativesDirectory()/<TFJS_NATIVES>/node_modules/@tensorflow/tfjs-node
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ServingError } from '../../core/errors.ts';
import { nativesDirectory } from '../natives-directory.ts';

/** The folder's name: versions and a hash of the build's sources, which the install script checks. */
export const TFJS_NATIVES = 'tfjs-4.22.0-tensorflow-2.21.0-b1c713b1';

/** The directory of tfjs-node's package. Throws `load_failed`, with the command to run, if it is not installed. */
export function tfjsNodeDirectory(): string {
  const directory = join(nativesDirectory(), TFJS_NATIVES, 'node_modules', '@tensorflow', 'tfjs-node');
  if (existsSync(directory)) return directory;
  throw new ServingError(
    'load_failed',
    `TensorFlow's libraries are not on this machine (${TFJS_NATIVES} is not in "${nativesDirectory()}"); ` +
      `run: pillion natives tfjs`,
  );
}
