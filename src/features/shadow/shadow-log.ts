/** Log lines about shadows. Differences and failures may occur with every batch, so they are logged once a minute. */
import type { Clock } from '../../core/clock.ts';
import { LineLimiter } from '../../ledger/log/line-limiter.ts';
import type { Logger } from '../../ledger/log/log.ts';
import type { OutputDifference } from './output-difference.ts';
import type { ShadowEvent } from './version-shadow.ts';

const WINDOW_MS = 60_000;

/** Makes the listener that logs the shadow's events. */
export function shadowLog(logger: Logger, clock: Clock): (model: string, version: bigint, event: ShadowEvent) => void {
  const limiter = new LineLimiter({
    clock,
    windowMs: WINDOW_MS,
    linesPerWindow: 1,
    onSuppressed: (key, batches) => logger.warn({ shadow: key, batches }, 'so many more batches in the last minute'),
  });
  return (model, version, event) => {
    const { runtime } = event;
    const of = { event: 'shadow', model, version: version.toString(), runtime };
    const mayLog = (what: string): boolean => limiter.allow(`${model} ${version} ${what}`);
    switch (event.what) {
      case 'running':
        return logger.info({ ...of, reason: event.reason }, `its shadow runs on ${runtime}`);
      case 'off':
        return logger.warn({ ...of, reason: event.reason }, `it has no shadow: ${event.reason}`);
      case 'worker': {
        const { what, reason } = event.event;
        return logger.warn({ ...of, reason }, `worker of its shadow ${what}`);
      }
      case 'failed':
        if (mayLog('failed')) logger.warn({ ...of, reason: event.reason }, `its shadow failed: ${event.reason}`);
        return;
      case 'different': {
        if (!mayLog('different')) return;
        const { signatureName: signature, differences } = event.comparison;
        const differ = differences.filter(({ mismatches }) => mismatches > 0);
        logger.warn(
          { ...of, signature, differences: differ },
          `its shadow differs: ${differ.map(describe).join('; ')}`,
        );
      }
    }
  };
}

/** "probabilities: 3 of 640 elements, by up to 0.002 (relative 0.01)". */
function describe({ output, elements, mismatches, absolute, relative }: OutputDifference): string {
  const by =
    absolute === undefined || relative === undefined
      ? ''
      : `, by up to ${absolute.toPrecision(2)} (relative ${relative.toPrecision(2)})`;
  return `${output}: ${mismatches} of ${elements} elements${by}`;
}
