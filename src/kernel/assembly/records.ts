/** Builds request logs and recordings, with metrics of them under TensorFlow Serving's names, too. */
import type { ServeOptions } from '../../config/options/serve-options.ts';
import { systemClock } from '../../core/clock.ts';
import type { Logger } from '../../ledger/log/log.ts';
import type { Metrics } from '../../ledger/metrics/metrics.ts';
import { Records } from '../../proxy/records/records.ts';

interface RecordParts {
  readonly options: ServeOptions;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly onInternalError: (error: unknown) => void;
}

export function createRecords({ metrics, ...parts }: RecordParts): Records {
  const { registry, tfServing } = metrics;
  const records = new Records({ ...parts, clock: systemClock, registry });
  tfServing.observeRequestLogs(records.counters.logs);
  return records;
}
