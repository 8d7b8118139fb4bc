/** What a request hears that asks for a version which cannot answer: the reason, what there is, whether to try again. */
import { ServingError } from '../core/errors.ts';
import type { VersionStatus } from './servable.ts';

/** When to ask again for a model that is loading. Most models here load in under a second. */
const LOADING_RETRY_AFTER_MS = 1000;
/** Of a name that a client sent. */
const MAX_ECHOED = 120;

export function unknownModel(name: string, served: Iterable<string>): ServingError {
  const names = [...served];
  const list = names.length === 0 ? 'none is' : names.join(', ');
  return new ServingError('model_not_found', `no model ${echo(name)} is served here; served: ${list}`);
}

export function unknownLabel(name: string, label: string, labels: ReadonlyMap<string, bigint>): ServingError {
  const known = labels.size === 0 ? 'it has no labels' : `its labels: ${[...labels.keys()].join(', ')}`;
  return new ServingError('label_not_found', `model "${name}" has no version label ${echo(label)}; ${known}`);
}

/** `because` is why it is not there yet; undefined: it loads, and nothing more is to be said. */
export function stillLoading(name: string, because: string | undefined): ServingError {
  const text = because === undefined ? 'is still loading; try again' : `is not ready: ${because}`;
  return new ServingError('model_not_ready', `model "${name}" ${text}`, { retryAfterMs: LOADING_RETRY_AFTER_MS });
}

export function noSuchVersion(
  name: string,
  version: bigint | undefined,
  statuses: readonly VersionStatus[],
): ServingError {
  const available = statuses.filter(({ state }) => state === 'AVAILABLE').map((status) => status.version);
  const list = available.length === 0 ? 'none is available' : `available: ${available.join(', ')}`;
  const asked = version === undefined ? statuses[0] : statuses.find((status) => status.version === version);
  const why = asked?.error === undefined ? '' : ` (it failed to load: ${asked.error.message})`;
  const what = version === undefined ? 'has no version' : `has no version ${version}`;
  return new ServingError('model_not_found', `model "${name}" ${what}${why}; ${list}`);
}

/** An operator has taken it out. */
export function leftOut(name: string, version: bigint, statuses: readonly VersionStatus[]): ServingError {
  const available = statuses.filter(({ state }) => state === 'AVAILABLE').map((status) => status.version);
  const list = available.length === 0 ? 'none is available' : `available: ${available.join(', ')}`;
  return new ServingError(
    'model_not_found',
    `version ${version} of model "${name}" was unloaded by an operator, who can load it again on the admin port; ${list}`,
  );
}

/** Status of a model that has had no version yet: NOT_FOUND, as TensorFlow Serving has it. */
export function noVersionsYet(name: string, because: string): ServingError {
  return new ServingError('model_not_found', `model "${name}" has no versions yet: ${because}`);
}

function echo(text: string): string {
  return JSON.stringify(text.slice(0, MAX_ECHOED));
}
