/**
 * Records requests and replays records: request logs, live recordings, payloads and warm-up files. One for each app.
 */
import { hostname } from 'node:os';
import process from 'node:process';
import type { ModelConfig } from '../../config/model-config.ts';
import type { ServeOptions } from '../../config/options/serve-options.ts';
import type { Clock } from '../../core/clock.ts';
import type { Logger } from '../../ledger/log/log.ts';
import type { Registry } from '../../ledger/metrics/registry.ts';
import { type ReadRecordedInputs, recordedInputs } from '../../models/batching/recorded-requests.ts';
import { type FileReplay, type PrepareVersion, type WarmUpEvents, warmUp } from '../../models/warm-up/warm-up.ts';
import { warmUpLog } from '../../models/warm-up/warm-up-log.ts';
import { PayloadCapture } from './payload-capture.ts';
import { PredictionLogReplayer } from './prediction-log-replayer.ts';
import { RecordCounters } from './record-counters.ts';
import { RequestLogs } from './request-logs.ts';
import { RequestSamplers } from './request-samplers.ts';

export interface RecordsOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly registry: Registry;
  readonly options: ServeOptions;
  readonly onInternalError: (error: unknown) => void;
  /** Whether models are being served already. */
  readonly isServing: () => boolean;
  /** Called when a version's warm-up or golden file was replayed; must not throw. */
  readonly onReplayed: (replay: FileReplay) => void;
}

/** Room in a record for everything but request and answer: names, versions and field headers. */
const METADATA_BYTES = 64 * 1024;
const MIB = 2 ** 20;

export class Records {
  readonly samplers: RequestSamplers;
  readonly counters: RecordCounters;
  /** Whether models are being served already. */
  readonly isServing: () => boolean;
  /** Undefined if payloads are not captured. */
  readonly payloads: PayloadCapture | undefined;
  /** Reads the inputs in a version's warm-up file, for the loader. */
  readonly readRecorded: ReadRecordedInputs;
  readonly #logs: RequestLogs;
  readonly #prepare: PrepareVersion;

  constructor({ clock, logger, registry, options, onInternalError, isServing, onReplayed }: RecordsOptions) {
    this.isServing = isServing;
    const maxTensorBytes = options.max_message_bytes;
    // A record holds a request and its answer, each of them at most one message long.
    const maxRecordBytes = 2 * maxTensorBytes + METADATA_BYTES;
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
      maxRecordBytes,
    });
    const replayer = new PredictionLogReplayer({ clock, maxTensorBytes });
    this.readRecorded = recordedInputs(replayer, maxRecordBytes);
    this.#prepare = warmUp({
      clock,
      replayer,
      isEnabled: options.enable_model_warmup,
      iterations: options.num_request_iterations_for_warmup || 1,
      maxRecordBytes,
      isServing,
      events: withListener(warmUpLog(logger), onReplayed),
    });
  }

  /** Warms a version up, then lets its requests be recorded. The loader calls it. */
  readonly prepare: PrepareVersion = async (loaded) => {
    await this.#prepare(loaded);
    loaded.servable.samplePoint = this.samplers.pointOf(loaded.servable.name);
  };

  /** Opens and closes request logs as the models are configured now. */
  configure(models: readonly Pick<ModelConfig, 'name' | 'logging'>[]): void {
    this.#logs.configure(models);
  }

  /** Call it after the last request: writes what is queued. Never rejects. */
  close(): Promise<void> {
    return this.#logs.close();
  }
}

function withListener(log: WarmUpEvents, onReplayed: (replay: FileReplay) => void): WarmUpEvents {
  return {
    ...log,
    onReplayed: (servable, replay) => {
      log.onReplayed(servable, replay);
      onReplayed(replay);
    },
  };
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
