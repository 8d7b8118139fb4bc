/**
 * One model's request log: a sample of its requests, as PredictionLogs with answers, in rotating TFRecord files
 * (rotating-record-file.ts). It never blocks and never fails a request: records that the disk refuses are counted, and
 * each new reason is logged once until records are written again.
 */
import type { Buffer } from 'node:buffer';
import type { Clock } from '../../core/clock.ts';
import type { OwnDirectory } from '../../files/own-directory.ts';
import type { LineLimiter } from '../../ledger/log/line-limiter.ts';
import type { Logger } from '../../ledger/log/log.ts';
import type { SampleConsumer } from '../../models/serving/request-samplers.ts';
import type { RequestLoggingConfig } from './keys.ts';
import type { FileOwner } from './record-file-name.ts';
import type { RequestLogCounts } from './request-log-counters.ts';
import { RotatingRecordFile } from './rotating-record-file.ts';

export interface RequestLogOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Limits the log lines about the disk, by model. */
  readonly limiter: LineLimiter;
  readonly owner: FileOwner;
  readonly maxFileBytes: number;
  readonly maxFileMs: number;
  /** See RotatingFileOptions. */
  readonly maxKeptBytes: number;
  readonly fileMode: number;
  readonly directory: OwnDirectory;
  /** No file is opened before it resolves. Never rejects. */
  readonly isReady: Promise<void>;
}

/** Limit of the records that wait for the disk, for each model. */
const MAX_QUEUED_BYTES = 16 * 2 ** 20;

/** A line of the log. */
export const DELETED = 'the oldest files of the request log were deleted: --request_log_max_mib';

export class RequestLog implements SampleConsumer {
  readonly samplingRate: number;
  readonly wantsResponse = true;
  readonly #file: RotatingRecordFile;
  readonly #counts: RequestLogCounts;
  /** The disk's last error; undefined since records were written. */
  #failure: string | undefined;

  constructor(model: string, config: RequestLoggingConfig, counts: RequestLogCounts, options: RequestLogOptions) {
    const { logger, limiter } = options;
    this.samplingRate = config.samplingRate;
    this.#counts = counts;
    const logError = (error: unknown, facts: object, what: string): void => {
      if (limiter.allow(model)) logger.error({ model, ...facts, err: error }, what);
    };
    this.#file = new RotatingRecordFile({
      ...options,
      prefix: config.filenamePrefix,
      maxQueuedBytes: MAX_QUEUED_BYTES,
      onWritten: (records) => {
        counts.add('written', records);
        if (this.#failure !== undefined) logger.info({ model }, 'the request log is written again');
        this.#failure = undefined;
      },
      onFailed: (records, error) => {
        counts.add('failed', records);
        if (error === undefined) return;
        const failure = (error as NodeJS.ErrnoException).code ?? String(error);
        if (failure === this.#failure) return;
        this.#failure = failure;
        const what = 'the request log cannot be written; requests go on without it';
        logError(error, { prefix: config.filenamePrefix }, what);
      },
      onDeleted: (files) => logger.info({ event: 'request_log_pruned', model, files }, DELETED),
      onLeft: (path, error) => logError(error, { path }, 'files of the request log were left as they are'),
    });
  }

  admits(bytes: number): boolean {
    const admission = this.#file.admission(bytes);
    if (admission !== 'room') this.#counts.add(admission === 'full' ? 'dropped' : 'failed', 1);
    return admission === 'room';
  }

  take(record: Buffer): void {
    this.#file.append(record);
  }

  /** Writes what is queued. Never rejects. */
  close(): Promise<void> {
    return this.#file.close();
  }
}
