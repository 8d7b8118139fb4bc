/** The versions of the runtimes' packages, without loading a runtime. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const PACKAGES = ['onnxruntime-node', '@grpc/grpc-js'];

/** The versions by package; those that are not installed are left out. */
export function runtimeVersions(): Readonly<Record<string, string>> {
  const { resolve } = createRequire(import.meta.url);
  const found: Record<string, string> = {};
  for (const name of PACKAGES) {
    try {
      const { version } = JSON.parse(readFileSync(resolve(`${name}/package.json`), 'utf8')) as { version: string };
      found[name] = version;
    } catch {
      // A model that needs it says why it cannot be loaded.
    }
  }
  return found;
}
