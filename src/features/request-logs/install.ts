/** The request logs of the models that ask for one. */
import { hostname } from 'node:os';
import process from 'node:process';
import { optionsOf } from '../../config/options/feature-options.ts';
import { atMost } from '../../core/clock.ts';
import type { Installation } from '../../kernel/installation.ts';
import { recordBytes } from '../../proxy/records/recorded-file.ts';
import { LOGGING } from './keys.ts';
import { REQUEST_LOG_OPTIONS } from './options.ts';
import { RequestLogCounters, TfServingRequestLogs } from './request-log-counters.ts';
import { RequestLogs } from './request-logs.ts';

const MIB = 2 ** 20;
/** The most time for writing the last records. */
const FLUSHING_MS = 5000;

export function installRequestLogs({ config, clock, logger, models, telemetry, service }: Installation): void {
  const options = optionsOf(config, REQUEST_LOG_OPTIONS);
  const { metrics } = telemetry;
  const counters = new RequestLogCounters(metrics.registry);
  metrics.addAliases([new TfServingRequestLogs(counters.family)]);
  const logs = new RequestLogs({
    clock,
    logger,
    samplers: models.samplers,
    counters,
    owner: { host: hostname(), pid: process.pid },
    maxFileBytes: options.request_log_file_bytes,
    maxFileMs: options.request_log_file_seconds * 1000,
    maxKeptBytes: options.request_log_max_mib * MIB || Infinity,
    fileMode: Number.parseInt(options.request_log_mode, 8),
    minFreePercent: config.options.min_free_disk_percent,
    maxRecordBytes: recordBytes(config.options.max_message_bytes),
  });
  models.onListed.push((listed) =>
    logs.configure(listed.map((model) => ({ name: model.name, logging: LOGGING.of(model) }))),
  );
  service({ close: () => atMost(clock, FLUSHING_MS, logs.close()) });
}
