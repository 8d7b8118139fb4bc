/** TensorFlow's libraries for a checkout, by the product's own `pillion natives tfjs`. */
import process from 'node:process';
import { ensureBuilt, say } from './setup.mjs';

/** The folder of the natives, made if it is not there. Ends this process, with all that is missing, if it cannot be. */
export async function ensureTfjsNatives(parent) {
  ensureBuilt();
  const { prepareTfjsNatives } = await import('../../dist/backends/tfjs/prepare-natives.js');
  try {
    return prepareTfjsNatives(say, parent);
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}

/** The platform that they want, where this one is another. */
export async function unsupportedPlatform() {
  ensureBuilt();
  const steps = await import('../../dist/backends/native-steps.js');
  return steps.unsupportedPlatform();
}
