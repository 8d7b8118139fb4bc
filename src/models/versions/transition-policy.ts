/**
 * What to do next with a model's versions, given what is up and what should be: pure. The caller does the action, asks
 * again, until there is none; then again whenever something has changed.
 *
 *     availability   load the new first; unload what is no longer wanted once something wanted is available, or
 *                    nothing is wanted that would take its place. While a version is loaded, memory holds both.
 *     resource       unload what is no longer wanted first; load when it is gone. For models that fit only once.
 */
import type { VersionState } from '../serving/servable.ts';

/** --version_transition_policy's values. */
export const TRANSITION_POLICIES = ['availability', 'resource'] as const;
export type TransitionPolicy = (typeof TRANSITION_POLICIES)[number];

/** One life of a version that has not ended. */
export interface LivingVersion {
  readonly version: bigint;
  readonly state: VersionState;
  /** Loaded (or loading) as the configuration wants it now. False: it was made for another base path, backend or host. */
  readonly isCurrent: boolean;
}

export interface Aspiration {
  /** What should be up. */
  readonly aspired: readonly bigint[];
  /** Those of them that take nobody's place: what the others replace is not unloaded on their account. */
  readonly beside?: readonly bigint[];
  /** Those of them that failed to load and are not to be tried again. */
  readonly failedLoads: ReadonlySet<bigint>;
}

export type TransitionAction<T extends LivingVersion> =
  | { readonly kind: 'load'; readonly version: bigint }
  /** AVAILABLE: no new requests, then end. START or LOADING: give the load up. */
  | { readonly kind: 'unload'; readonly record: T };

/** Highest new version first, lowest unwanted first. Undefined: nothing to do until something changes. */
export function nextAction<T extends LivingVersion>(
  records: readonly T[],
  { aspired, beside = [], failedLoads }: Aspiration,
  policy: TransitionPolicy,
): TransitionAction<T> | undefined {
  const isWanted = (record: T): boolean => record.isCurrent && aspired.includes(record.version);
  const unwanted = records.filter((r) => r.state !== 'END' && (r.state === 'UNLOADING' || !isWanted(r)));
  const replaces = (version: bigint): boolean => !beside.includes(version);
  const heirs = records.filter((r) => isWanted(r) && replaces(r.version));
  const record = lowestToUnload(unwanted, unwanted.length > 0 && mayUnload(heirs, aspired.filter(replaces), policy));
  if (record !== undefined) return { kind: 'unload', record };
  if (policy === 'resource' && unwanted.length > 0) return undefined;
  const version = highestMissing(records, aspired, failedLoads);
  return version === undefined ? undefined : { kind: 'load', version };
}

/** Whether something that answers requests may be taken away. */
function mayUnload(heirs: readonly LivingVersion[], aspired: readonly bigint[], policy: TransitionPolicy): boolean {
  return policy === 'resource' || aspired.length === 0 || heirs.some(({ state }) => state === 'AVAILABLE');
}

/** What does not answer yet may always go. */
function lowestToUnload<T extends LivingVersion>(unwanted: readonly T[], mayUnloadAvailable: boolean): T | undefined {
  let lowest: T | undefined;
  for (const record of unwanted) {
    if (record.state === 'UNLOADING' || (record.state === 'AVAILABLE' && !mayUnloadAvailable)) continue;
    if (lowest === undefined || record.version < lowest.version) lowest = record;
  }
  return lowest;
}

function highestMissing(
  records: readonly LivingVersion[],
  aspired: readonly bigint[],
  failedLoads: ReadonlySet<bigint>,
): bigint | undefined {
  let highest: bigint | undefined;
  for (const version of aspired) {
    if (failedLoads.has(version) || (highest !== undefined && version < highest)) continue;
    const isThere = records.some((r) => r.isCurrent && r.version === version && isRising(r.state));
    if (!isThere) highest = version;
  }
  return highest;
}

/** A life that is going down does not stand in the way of a new one of the same version. */
function isRising(state: VersionState): boolean {
  return state === 'START' || state === 'LOADING' || state === 'AVAILABLE';
}
