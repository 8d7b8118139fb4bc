/**
 * Decides what to do next with a model's versions, given the active and the aspired ones. Pure. The caller carries out
 * the action and asks again until there is none; then whenever something has changed.
 *
 *     availability   load the new version first; unload unwanted versions once a wanted one is available, or if no
 *                    wanted one would replace them. While a version loads, memory holds both.
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
  const replacements = records.filter((r) => isWanted(r) && replaces(r.version));
  const record = lowestToUnload(
    unwanted,
    unwanted.length > 0 && mayUnload(replacements, aspired.filter(replaces), policy),
  );
  if (record !== undefined) return { kind: 'unload', record };
  if (policy === 'resource' && unwanted.length > 0) return undefined;
  const version = highestMissing(records, aspired, failedLoads);
  return version === undefined ? undefined : { kind: 'load', version };
}

/** Whether an available version may be unloaded. */
function mayUnload(
  replacements: readonly ActiveVersion[],
  aspired: readonly bigint[],
  policy: TransitionPolicy,
): boolean {
  return policy === 'resource' || aspired.length === 0 || replacements.some(({ state }) => state === 'AVAILABLE');
}

/** A version that is not available yet may always be unloaded. */
function lowestToUnload<T extends ActiveVersion>(unwanted: readonly T[], mayUnloadAvailable: boolean): T | undefined {
  const removable = unwanted.filter(
    ({ state }) => state !== 'UNLOADING' && (state !== 'AVAILABLE' || mayUnloadAvailable),
  );
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
