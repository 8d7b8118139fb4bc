/** Errors for requests whose version is not available: the reason, the available versions, whether to try again. */
import { nearestName } from '../../config/nearest-name.ts';
import { ServingError } from '../../core/errors.ts';
import { quoteName } from '../../core/list-names.ts';
import type { VersionStatus } from '../serving/servable.ts';
import type { VersionChoice } from '../versions/version-choice.ts';

/** A client's wait before it asks again for a model that is loading. Most models load in under a second. */
const LOADING_RETRY_AFTER_MS = 1000;

/** The most names that an error lists. */
const MAX_LISTED = 8;
/**
 * The most letters × letters that are compared with a name which is not served, in about 30 µs: callers choose how often
 * they ask, and for how long a name.
 */
const MAX_COMPARED = 40_000;

/** A model's state when a request asks for a version that is not available. */
interface RefusalFacts {
  readonly name: string;
  readonly labels: ReadonlyMap<string, bigint>;
  readonly statuses: readonly VersionStatus[];
  readonly isUnloadedByOperator: (version: bigint) => boolean;
  /** A load has failed and will be retried. */
  readonly isRetrying: boolean;
  /** It is made of other models, and waits for one whose load has failed. */
  readonly hasFailedMember: boolean;
  /** The model has no versions yet, so the wanted one may still come. */
  readonly isWaiting: boolean;
  /** Nobody looks for versions any more. */
  readonly isFinal: boolean;
  /** Says why the model is not ready. */
  readonly waitsFor: () => string;
}

/** The error for a request whose version is not available. */
export function refusalOf({ version: number, label }: VersionChoice, facts: RefusalFacts): ServingError {
  const { name, labels, statuses } = facts;
  if (label !== undefined && !labels.has(label)) return unknownLabel(name, label, labels);
  const version = label === undefined ? number : labels.get(label);
  const asked = version === undefined ? statuses : statuses.filter((status) => status.version === version);
  if (asked.some(({ state }) => state === 'START' || state === 'LOADING')) {
    return stillLoading(name, facts.isRetrying ? facts.waitsFor() : undefined, facts.hasFailedMember);
  }
  if (version !== undefined && facts.isUnloadedByOperator(version)) return unloadedByOperator(name, version, statuses);
  if (facts.isWaiting && asked.length === 0) {
    return facts.isFinal ? noVersionsYet(name, facts.waitsFor()) : stillLoading(name, facts.waitsFor());
  }
  return noSuchVersion(name, version, statuses);
}

/** `served`: undefined if callers may not know which models there are. */
export function unknownModel(name: string, served: Iterable<string> | undefined): ServingError {
  const others = served === undefined ? '' : `; ${listServed(name, [...served])}`;
  return new ServingError('model_not_found', `no model ${quoteName(name)} is served here${others}`);
}

/** Lists all names if they are few; else some, and the one that was probably meant. */
function listServed(asked: string, names: readonly string[]): string {
  if (names.length === 0) return 'served: none is';
  if (names.length <= MAX_LISTED) return `served: ${names.join(', ')}`;
  const nearest = nearestName(asked, comparable(asked, names));
  const meant = nearest === undefined ? '' : `did you mean ${nearest}? `;
  return `${meant}served: ${names.slice(0, MAX_LISTED).join(', ')} and ${names.length - MAX_LISTED} more`;
}

/** The names, from the first on, that may be compared with `asked`. */
function comparable(asked: string, names: readonly string[]): readonly string[] {
  let left = MAX_COMPARED;
  const end = names.findIndex((name) => {
    left -= asked.length * name.length;
    return left < 0;
  });
  return end === -1 ? names : names.slice(0, end);
}

function unknownLabel(name: string, label: string, labels: ReadonlyMap<string, bigint>): ServingError {
  const known = labels.size === 0 ? 'it has no labels' : `its labels: ${[...labels.keys()].join(', ')}`;
  return new ServingError('label_not_found', `model "${name}" has no version label ${quoteName(label)}; ${known}`);
}

/** `because` says why the model is not ready yet; undefined = it is loading. */
function stillLoading(name: string, because: string | undefined, hasFailedMember = false): ServingError {
  const text = because === undefined ? 'is still loading; try again' : `is not ready: ${because}`;
  return new ServingError('model_not_ready', `model "${name}" ${text}`, {
    retryAfterMs: LOADING_RETRY_AFTER_MS,
    // Whatever is made of this one waits for the same member.
    ...(hasFailedMember && { attributes: { memberFailed: true } }),
  });
}

/** The states of the version, or of all. Throws `model_not_found` if none is of that version. */
export function statusesOf(
  name: string,
  version: bigint | undefined,
  statuses: readonly VersionStatus[],
): readonly VersionStatus[] {
  if (version === undefined) return statuses;
  const found = statuses.filter((status) => status.version === version);
  if (found.length === 0) throw noSuchVersion(name, version, statuses);
  return found;
}

export function noSuchVersion(
  name: string,
  version: bigint | undefined,
  statuses: readonly VersionStatus[],
): ServingError {
  const asked = version === undefined ? statuses[0] : statuses.find((status) => status.version === version);
  const isFailed = asked?.error !== undefined;
  const why = isFailed ? ` (it failed to load: ${asked.error.message})` : '';
  const what = version === undefined ? 'has no version' : `has no version ${version}`;
  return new ServingError('model_not_found', `model "${name}" ${what}${why}; ${listAvailable(statuses)}`, {
    ...(isFailed && { attributes: { loadFailed: true } }),
  });
}

function unloadedByOperator(name: string, version: bigint, statuses: readonly VersionStatus[]): ServingError {
  const text = `version ${version} of model "${name}" was unloaded by an operator, who can load it again on the admin port`;
  return new ServingError('model_not_found', `${text}; ${listAvailable(statuses)}`);
}

function listAvailable(statuses: readonly VersionStatus[]): string {
  const available = statuses.filter(({ state }) => state === 'AVAILABLE').map((status) => status.version);
  return available.length === 0 ? 'none is available' : `available: ${available.join(', ')}`;
}

/** The error for an operator who asked for a version while its model's configuration changed. */
export function changedMeanwhile(name: string): ServingError {
  const text = `the configuration of model "${name}" changed meanwhile; see what it serves now and ask again`;
  return new ServingError('model_not_ready', text, { retryAfterMs: LOADING_RETRY_AFTER_MS });
}

/** The error for the status of a model that has had no version yet: NOT_FOUND, as in TensorFlow Serving. */
export function noVersionsYet(name: string, because: string): ServingError {
  return new ServingError('model_not_found', `model "${name}" has no versions yet: ${because}`);
}
