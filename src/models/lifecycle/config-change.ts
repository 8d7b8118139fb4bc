/** Whether a changed configuration of a model requires its versions to be loaded again. */
import { resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { ModelConfig } from '../../config/model-config.ts';

/** True if the base path has changed, so that the same version numbers now name other files. */
export function isMoved(before: ModelConfig, after: ModelConfig): boolean {
  return resolve(before.basePath) !== resolve(after.basePath);
}

/** True if loaded versions no longer match the configuration and must be loaded again. */
export function needsNewLoad(before: ModelConfig, after: ModelConfig): boolean {
  return isMoved(before, after) || !isDeepStrictEqual(loadSettings(before), loadSettings(after));
}

/**
 * The settings that a load depends on. The policy and labels only choose among loaded versions. Some keys of features
 * are read when they are needed.
 */
function loadSettings({
  name: _name,
  basePath: _path,
  versionPolicy: _policy,
  versionLabels: _labels,
  featureKeys = new Map(),
  ...rest
}: ModelConfig) {
  const ofFeatures = [...featureKeys].flatMap(([key, value]) =>
    key.isReadLate ? [] : [[key.name, key.loaded(value)]],
  );
  const settings = { ...rest, ofFeatures };
  return Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
}
