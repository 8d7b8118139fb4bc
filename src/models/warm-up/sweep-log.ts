/** Log lines about the sweep of a version. */
import type { Logger } from '../../ledger/log/log.ts';
import type { Servable } from '../serving/servable.ts';
import type { LatencySeed, Sweep } from './batch-sweep.ts';
import { refusalText } from './sweep-warnings.ts';

export function logSweep(logger: Logger): (servable: Servable, sweep: Sweep, tookMs: number) => void {
  return ({ name, version }, { seeds, failures }, tookMs) => {
    const of = { model: name, version: version.toString() };
    logger.info(
      { event: 'swept', ...of, run_ms: describeSeeds(seeds), ms: rounded(tookMs) },
      'warmed up with synthetic batches',
    );
    for (const failure of failures) {
      const { signatureName, rows } = failure;
      logger.warn(
        { event: 'sweep_failed', ...of, signature: signatureName, rows },
        `${refusalText(failure)}; real requests may do better: add a warm-up record to check them at each load`,
      );
    }
  };
}

/** {"serving_default": "1:0.02 2:0.02 4:0.03"}: rows and their median run time in ms. */
function describeSeeds(seeds: readonly LatencySeed[]): Readonly<Record<string, string>> {
  const described: Record<string, string> = {};
  for (const { signatureName, rows, runMs } of seeds) {
    const median = runMs.toSorted((a, b) => a - b)[runMs.length >> 1]!;
    const before = described[signatureName];
    described[signatureName] = `${before === undefined ? '' : `${before} `}${rows}:${rounded(median)}`;
  }
  return described;
}

/** Rounds to microseconds. */
function rounded(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
