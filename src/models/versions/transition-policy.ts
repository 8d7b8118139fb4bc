/**
 * Decides what to do next with a model's versions, given the active and the aspired ones. Pure. The caller carries out
 * the action and asks again until there is none; then whenever something has changed.
 *
 *     availability   load the new version first; unload unwanted versions once a wanted one is available, or if no
 *                    wanted one would replace them. A version that is to be reloaded stays until the new copy of the
 *                    same version is available: no other answers in its place. While a version loads, memory holds both.
 *     resource       unload unwanted versions first, then load. For models that fit into memory only once.
 */
import type { VersionState } from '../serving/servable.ts';
import { descending } from './version-policy.ts';

/** The values of --version_transition_policy. */
export const TRANSITION_POLICIES = ['availability', 'resource'] as const;
export type TransitionPolicy = (typeof TRANSITION_POLICIES)[number];

/** A version's record that has not ended. */
export interface ActiveVersion {
  readonly version: bigint;
  readonly state: VersionState;
  /** False if it was loaded for another configuration (base path, backend, host), or is to be reloaded. */
  readonly isCurrent: boolean;
}

export interface Aspiration {
  /** The versions that should be available. */
  readonly aspired: readonly bigint[];
  /** The aspired versions that do not replace others, so that nothing is unloaded when they become available. */
  readonly extra?: readonly bigint[];
  /** The aspired versions that failed to load and must not be tried again. */
  readonly failedLoads: ReadonlySet<bigint>;
}

export type TransitionAction<T extends ActiveVersion> =
  | { readonly kind: 'load'; readonly version: bigint }
  /** AVAILABLE: accept no new requests, then close. START or LOADING: abort the load. */
  | { readonly kind: 'unload'; readonly record: T };

/** Highest new version first, lowest unwanted first. Undefined: nothing to do until something changes. */
export function nextAction<T extends ActiveVersion>(
  records: readonly T[],
  { aspired, extra = [], failedLoads }: Aspiration,
  policy: TransitionPolicy,
): TransitionAction<T> | undefined {
  const isWanted = (record: T): boolean => record.isCurrent && aspired.includes(record.version);
  const unwanted = records.filter((r) => r.state !== 'END' && (r.state === 'UNLOADING' || !isWanted(r)));
  const replaces = (version: bigint): boolean => !extra.includes(version);
  const isSomethingToCome = aspired.some(replaces);
  const available = unwanted.length === 0 ? [] : records.filter((r) => r.state === 'AVAILABLE' && isWanted(r));
  const isReplaced = ({ version }: T): boolean => {
    if (aspired.includes(version)) return available.some((each) => each.version === version);
    return !isSomethingToCome || available.some((each) => replaces(each.version));
  };
  const record = lowestToUnload(unwanted, (each) => policy === 'resource' || isReplaced(each));
  if (record !== undefined) return { kind: 'unload', record };
  if (policy === 'resource' && unwanted.length > 0) return undefined;
  const version = highestMissing(records, aspired, failedLoads);
  return version === undefined ? undefined : { kind: 'load', version };
}

/** `mayUnload` is asked about available versions; one that is not available yet may always be unloaded. */
function lowestToUnload<T extends ActiveVersion>(
  unwanted: readonly T[],
  mayUnload: (record: T) => boolean,
): T | undefined {
  const removable = unwanted.filter((each) => {
    return each.state !== 'UNLOADING' && (each.state !== 'AVAILABLE' || mayUnload(each));
  });
  const lowest = descending(removable.map(({ version }) => version)).at(-1);
  return removable.find(({ version }) => version === lowest);
}

function highestMissing(
  records: readonly ActiveVersion[],
  aspired: readonly bigint[],
  failedLoads: ReadonlySet<bigint>,
): bigint | undefined {
  // A record that unloads does not prevent a new one of the same version.
  const present = records.filter(({ isCurrent, state }) => isCurrent && state !== 'UNLOADING' && state !== 'END');
  const isMissing = (version: bigint): boolean =>
    !failedLoads.has(version) && !present.some((record) => record.version === version);
  return descending(aspired.filter(isMissing))[0];
}
