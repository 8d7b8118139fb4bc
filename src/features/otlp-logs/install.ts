import type { Installation } from '../../kernel/installation.ts';
import { VERSION } from '../../version.ts';
import { lossCounter } from '../otlp/losses.ts';
import { LogExport } from './log-export.ts';

const LOST = 'Lines of the log that were lost on their way to the collector: too many waited, or it did not take them.';

export function installOtlpLogs({ environment: env, clock, logger, telemetry }: Installation): void {
  const onLost = lossCounter(telemetry.metrics.registry, 'pillion_lost_log_records_total', LOST);
  const exporter = new LogExport({ env, clock, logger, version: VERSION }, onLost);
  logger.follow((line) => exporter.add(line));
  telemetry.exportBy(exporter);
}
