/** What a changed configuration of a model means for the versions that are loaded. */
import { resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { ModelConfig } from '../../config/model-config.ts';

/** The numbers mean other files now. */
export function isMoved(before: ModelConfig, after: ModelConfig): boolean {
  return resolve(before.basePath) !== resolve(after.basePath);
}

/** What is loaded was loaded otherwise than the configuration says now, and must be loaded anew. */
export function needsNewLoad(before: ModelConfig, after: ModelConfig): boolean {
  return isMoved(before, after) || !isDeepStrictEqual(loadedWith(before), loadedWith(after));
}

/**
 * All that a load depends on. Policy and labels only choose among what is loaded, logging listens to it, and what answers
 * in its place is another.
 */
function loadedWith({
  name: _name,
  basePath: _path,
  versionPolicy: _policy,
  versionLabels: _labels,
  logging: _logging,
  fallback: _fallback,
  degradeTo: _degradeTo,
  ...rest
}: ModelConfig) {
  return Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
}
