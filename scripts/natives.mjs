/**
 * npm run natives -- tfjs: the native libraries of a runtime, into the cache that `pillion serve` finds them in
 * (PILLION_NATIVES_DIRECTORY, or ~/.cache/pillion/natives). Does nothing if they are there.
 */
import process from 'node:process';
import { ensureTfjsNatives } from './lib/tfjs-natives.mjs';

const names = process.argv.slice(2);
if (names.length !== 1 || names[0] !== 'tfjs') {
  console.error('Which natives? There are those of TensorFlow: npm run natives -- tfjs');
  process.exit(64);
}
console.log(await ensureTfjsNatives());
