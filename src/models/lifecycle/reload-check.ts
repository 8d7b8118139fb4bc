/**
 * Checks a new list of models before anything changes. A label may name an available version or one that the same list
 * is going to load. A label that is in use moves only to an available version, so that it works at any time. A backend
 * must exist: else a served model would be exchanged for one that cannot load.
 */
import { resolve } from 'node:path';
import { versionDirectoryProblem } from '../../config/base-path.ts';
import type { ModelConfig } from '../../config/model-config.ts';
import { ServingError, toServingError } from '../../core/errors.ts';
import { aspiredVersions } from '../versions/version-policy.ts';
import type { VersionFiles } from '../versions/version-source.ts';
import type { CheckBackend } from './manager-settings.ts';

interface ReloadCheck {
  /** The model of this name, if one is configured now. */
  readonly served: (name: string) => ServedModel | undefined;
  readonly files: VersionFiles;
  readonly checkBackend: CheckBackend;
  /** See ReloadOptions. */
  readonly keepsPlatforms: boolean;
  /** A label that is not in use may name a version that is not available. */
  readonly allowUnavailableLabels: boolean;
}

interface ServedModel {
  readonly config: ModelConfig;
  isAvailable(version: bigint): boolean;
}

/** Rejects with `invalid_request` or `load_failed`. */
export async function checkReload(models: readonly ModelConfig[], check: ReloadCheck): Promise<void> {
  const names = new Set<string>();
  for (const { name, basePath } of models) {
    if (name === '') throw refused('a model has no name; give each one');
    if (names.has(name)) throw refused(`model "${name}" is listed twice; names must differ`);
    if (basePath === '') throw refused(`model "${name}" has no base path; name the directory of its versions`);
    // The served versions would be exchanged for a directory without versions.
    const problem = versionDirectoryProblem(basePath);
    if (problem !== undefined) throw refused(`model "${name}": base path ${problem}`);
    names.add(name);
  }
  for (const model of models) await checkPlatform(model, check);
  for (const model of models) await checkLabels(model, check);
}

/** TensorFlow Serving's name for any runtime that knows the files. */
const ANY_PLATFORM = 'tensorflow';

async function checkPlatform({ name, backend }: ModelConfig, check: ReloadCheck): Promise<void> {
  const served = check.served(name);
  if (served !== undefined && backend === served.config.backend) return;
  if (served !== undefined && check.keepsPlatforms) {
    const [before, after] = [served.config.backend ?? ANY_PLATFORM, backend ?? ANY_PLATFORM];
    const fix = `list it as "${before}", or under another name`;
    throw refused(`model "${name}" has the platform "${before}", which cannot change to "${after}"; ${fix}`);
  }
  if (backend === undefined) return;
  await check.checkBackend(backend).catch((error: unknown) => {
    throw refused(`model "${name}": ${toServingError(error).message}`);
  });
}

async function checkLabels(model: ModelConfig, check: ReloadCheck): Promise<void> {
  const served = check.served(model.name);
  const missing = [...model.versionLabels].filter(([, version]) => served?.isAvailable(version) !== true);
  if (missing.length === 0) return;
  for (const [label, version] of missing) {
    const now = served?.config.versionLabels.get(label);
    if (now === undefined || now === version) continue;
    throw unavailable(model.name, label, version, `it names version ${now} now, and moves only to what is available`);
  }
  if (check.allowUnavailableLabels) return;
  const found = await check.files.find(resolve(model.basePath)).then(
    (versions) => ({ versions: [...versions.keys()], why: '' }),
    (error: Error) => ({ versions: [], why: `: ${error.message}` }),
  );
  const aspired = aspiredVersions(model.versionPolicy, found.versions);
  for (const [label, version] of missing) {
    if (aspired.includes(version)) continue;
    const list =
      aspired.length === 0 ? `no version would be loaded${found.why}` : `loaded would be ${aspired.join(', ')}`;
    throw unavailable(model.name, label, version, list);
  }
}

function refused(text: string): ServingError {
  return new ServingError('invalid_request', `${text}; nothing was changed`);
}

function unavailable(model: string, label: string, version: bigint, why: string): ServingError {
  const text = `model "${model}": label "${label}" cannot name version ${version}, which is not available; ${why}; nothing was changed`;
  return new ServingError('load_failed', text);
}
