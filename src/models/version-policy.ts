/**
 * Which versions should be up, given which exist: pure, stateless.
 */
import type { VersionPolicy } from '../config/model-config.ts';

/** Aspired versions, highest first. `available` may be in any order and holds no number twice. */
export function aspiredVersions(policy: VersionPolicy, available: readonly bigint[]): readonly bigint[] {
  const descending = [...available].sort((a, b) => (a < b ? 1 : a > b ? -1 : 0));
  switch (policy.kind) {
    case 'latest':
      return descending.slice(0, policy.count);
    case 'all':
      return descending;
    case 'specific':
      return descending.filter((version) => policy.versions.includes(version));
  }
}
