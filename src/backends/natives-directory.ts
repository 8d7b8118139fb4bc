/**
 * The place of native libraries that are too large for Pillion's packages: `pillion natives` puts each set of them into
 * a folder of a cache, which `npm ci` keeps.
 */
import { homedir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';

/** $PILLION_NATIVES_DIRECTORY, or $XDG_CACHE_HOME/pillion/natives, or ~/.cache/pillion/natives. */
export function nativesDirectory(): string {
  const { PILLION_NATIVES_DIRECTORY: own, XDG_CACHE_HOME: cache } = process.env;
  return own || join(cache || join(homedir(), '.cache'), 'pillion', 'natives');
}
