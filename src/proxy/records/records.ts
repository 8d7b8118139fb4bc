/**
 * Records requests: request logs, live recordings and payloads. One for each app.
 */
import { hostname } from 'node:os';
import process from 'node:process';
import type { ModelConfig } from '../../config/model-config.ts';
import type { ServeOptions } from '../../config/options/serve-options.ts';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../ledger/log/log.ts';
import type { Registry } from '../../ledger/metrics/registry.ts';
import { PayloadCapture } from './payload-capture.ts';
import { RecordCounters } from './record-counters.ts';
import { recordBytes } from './recorded-file.ts';
import { RequestLogs } from './request-logs.ts';
import { RequestSamplers } from './request-samplers.ts';

export interface RecordsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly options: ServeOptions;
  readonly onInternalError: (error: unknown) => void;
}

const MIB = 2 ** 20;

export class Records {
  readonly samplers: RequestSamplers;
  readonly counters: RecordCounters;
  /** Undefined if payloads are not captured. */
  readonly payloads: PayloadCapture | undefined;
  readonly #logs: RequestLogs;

  constructor({ clock, logger, registry, options, onInternalError }: RecordsOptions) {
    this.payloads = payloadCapture(clock, options, onInternalError);
    this.samplers = new RequestSamplers({ clock, onInternalError, capture: this.payloads });
    this.counters = new RecordCounters(registry);
    this.#logs = new RequestLogs({
      clock,
      logger,
      samplers: this.samplers,
      counters: this.counters,
      owner: { host: hostname(), pid: process.pid },
      maxFileBytes: options.request_log_file_bytes,
      maxFileMs: options.request_log_file_seconds * 1000,
      maxKeptBytes: options.request_log_max_mib * MIB || Infinity,
      fileMode: Number.parseInt(options.request_log_mode, 8),
      minFreePercent: options.min_free_disk_percent,
      maxRecordBytes: recordBytes(options.max_message_bytes),
    });
  }

  /** Opens and closes request logs as the models are configured now. */
  configure(models: readonly Pick<ModelConfig, 'name' | 'logging'>[]): void {
    this.#logs.configure(models);
  }

  /** Call it after the last request: writes what is queued. Never rejects. */
  close(): Promise<void> {
    return this.#logs.close();
  }
}

function payloadCapture(
  clock: Clock,
  options: ServeOptions,
  onInternalError: (error: unknown) => void,
): PayloadCapture | undefined {
  const { capture_payloads: mode, capture_inputs: inputs, capture_max_mib: maxMib } = options;
  if (mode !== 'failed' && mode !== 'all') return undefined;
  return new PayloadCapture({ mode, inputs, maxBytes: maxMib * 2 ** 20, clock, onInternalError });
}
