/**
 * Prepares a loaded version before it is served:
 *
 *     loaded ─▶ steps of warm-up ─▶ a sweep of batch sizes on synthetic input ─▶ steps of check ─▶ served
 *                                   (batch-sweep.ts), unless it has answered recorded requests
 *
 * A model that a remote server runs is not swept: there is nothing to warm up here, and the server has other clients.
 *
 * If a step rejects, the version is not served, and the previous version stays. A failure of the sweep proves little, as
 * its input is made up; but if nothing of the version could be run, it has a standing warning (`LoadFindings.warnings`).
 */
import type { Clock } from '../../core/clock.ts';
import { type LoadedVersion, type LoadStep, runStage } from '../loading/load-steps.ts';
import type { Servable } from '../serving/servable.ts';
import { type Sweep, sweepBatchSizes } from './batch-sweep.ts';
import { sweepWarnings } from './sweep-warnings.ts';

interface WarmUpOptions {
  readonly clock: Clock;
  readonly steps: readonly LoadStep[];
  /** False: neither steps of warm-up nor the sweep run. */
  readonly isEnabled: boolean;
  /** Other versions are being served: the sweep then leaves cores to them. Default: false. */
  readonly isServing?: () => boolean;
  /** Called for the log. */
  readonly onSwept: (servable: Servable, sweep: Sweep, tookMs: number) => void;
}

/** Prepares a version. Rejects with the reason if it must not be served; the caller must unload it then. */
export type PrepareVersion = (loaded: LoadedVersion) => Promise<void>;

export function warmUp(options: WarmUpOptions): PrepareVersion {
  const { steps, isEnabled } = options;
  return async (loaded) => {
    let sweep: Sweep | undefined;
    if (isEnabled) {
      await runStage(steps, 'warm-up', loaded);
      if (loaded.hasAnswered !== true) sweep = await sweepOf(options, loaded);
    }
    await runStage(steps, 'check', loaded);
    if (loaded.hasAnswered === true) return;
    for (const text of sweepWarnings(sweep, loaded.signatures)) loaded.servable.findings.addWarning(text);
  };
}

/** Undefined if there was none. */
async function sweepOf(
  { clock, isServing, onSwept }: WarmUpOptions,
  { executor, signatures, servable, scheduler, onlyRun }: LoadedVersion,
): Promise<Sweep | undefined> {
  if (executor.isElsewhere === true) return undefined;
  if (onlyRun !== undefined) {
    servable.findings.latencySeeds = onlyRun;
    return undefined;
  }
  const startedAt = clock.nowMs();
  const isGentle = isServing?.() ?? false;
  const sweep = await sweepBatchSizes({ ...scheduler, executor, signatures, clock, isGentle });
  servable.findings.latencySeeds = sweep.seeds;
  servable.findings.maxBatchSize = sweep.maxBatchSize;
  onSwept(servable, sweep, clock.nowMs() - startedAt);
  return sweep;
}
