/** Why a model is not ready, for people. */
import type { ModelConfig } from '../../config/model-config.ts';
import type { VersionRecord } from '../versions/version-record.ts';
import type { WantedVersions } from '../versions/wanted-versions.ts';

interface WaitingFacts {
  readonly config: ModelConfig;
  readonly active: readonly VersionRecord[];
  readonly wanted: Pick<WantedVersions, 'ofPolicy' | 'failedLoads'>;
  /** Why the last poll found nothing to load. */
  readonly blockedReason: string | undefined;
  /** The base path is looked at, once at least. */
  readonly isPolled: boolean;
}

export function waitingReason({ config, active, wanted, blockedReason, isPolled }: WaitingFacts): string {
  if (config.refusal !== undefined) return config.refusal;
  for (const { version, state, lastFailure } of active) {
    const failure = lastFailure === undefined ? '' : `; the last attempt failed: ${lastFailure.message}`;
    if (state === 'START') return `version ${version} waits for its turn to load`;
    if (state === 'LOADING') return `version ${version} is still loading${failure}`;
  }
  for (const found of wanted.ofPolicy) {
    const error = wanted.failedLoads.errorOf(found);
    if (error !== undefined) return `version ${found.version} failed to load: ${error.message}`;
  }
  if (blockedReason !== undefined) return blockedReason;
  return isPolled ? 'its base path has not been looked at yet' : 'its base path is not looked at: the poll is off';
}
