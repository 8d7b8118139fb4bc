/** Chooses the aspired versions among those on disk. Pure. */
import type { VersionPolicy } from '../../config/model-config.ts';

/**
 * Aspired versions, highest first. `available` may be in any order and holds no number twice.
 *
 * Under `latest` a version that `isBroken` (it has failed to load) does not count, and the one before it is wanted in its
 * place. It stays aspired itself, as it is loaded again when its files change.
 */
export function aspiredVersions(
  policy: VersionPolicy,
  available: readonly bigint[],
  isBroken: (version: bigint) => boolean = () => false,
): readonly bigint[] {
  const ordered = descending(available);
  switch (policy.kind) {
    case 'latest': {
      const lowest = ordered.filter((version) => !isBroken(version))[policy.count - 1];
      return lowest === undefined ? ordered : ordered.slice(0, ordered.indexOf(lowest) + 1);
    }
    case 'all':
      return ordered;
    case 'specific':
      return ordered.filter((version) => policy.versions.includes(version));
  }
}

/** Another version may take the place of one that cannot be loaded: the policy names none by its number. */
export function mayReplace({ kind }: VersionPolicy): boolean {
  return kind !== 'specific';
}

/** Highest first. */
export function descending(versions: Iterable<bigint>): readonly bigint[] {
  return [...versions].sort((a, b) => (a < b ? 1 : a > b ? -1 : 0));
}
