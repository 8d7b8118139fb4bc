/** Chooses the aspired versions among those on disk. Pure. */
import type { VersionPolicy } from '../../config/model-config.ts';

/** Aspired versions, highest first. `available` may be in any order and holds no number twice. */
export function aspiredVersions(policy: VersionPolicy, available: readonly bigint[]): readonly bigint[] {
  const ordered = descending(available);
  switch (policy.kind) {
    case 'latest':
      return ordered.slice(0, policy.count);
    case 'all':
      return ordered;
    case 'specific':
      return ordered.filter((version) => policy.versions.includes(version));
  }
}

/** Highest first. */
export function descending(versions: Iterable<bigint>): readonly bigint[] {
  return [...versions].sort((a, b) => (a < b ? 1 : a > b ? -1 : 0));
}
