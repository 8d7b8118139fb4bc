/** The version of this build, from the package.json above it (the tests' build lies one folder deeper). */
import { existsSync, readFileSync } from 'node:fs';

function packageFile(): URL {
  const beside = new URL('../package.json', import.meta.url);
  return existsSync(beside) ? beside : new URL('../../package.json', import.meta.url);
}

export const VERSION = (JSON.parse(readFileSync(packageFile(), 'utf8')) as { readonly version: string }).version;
