/**
 * One model's request log: a sample of its requests, as PredictionLogs with answers, in rotating TFRecord files
 * (rotating-record-file.ts). It never blocks and never fails a request: records that the disk refuses are counted, and
 * logged once a minute.
 */
import type { Buffer } from 'node:buffer';
import type { RequestLoggingConfig } from '../../config/model-config.ts';
import type { Clock } from '../../core/clock.ts';
import type { LineLimiter } from '../../telemetry/log/line-limiter.ts';
import type { Logger } from '../../telemetry/log/log.ts';
import type { RecordCounts } from './record-counters.ts';
import type { FileOwner } from './record-file-name.ts';
import type { TapConsumer } from './request-taps.ts';
import { type OpenNew, RotatingRecordFile } from './rotating-record-file.ts';

export interface RequestLogOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Limits the log lines about the disk, by model. */
  readonly limiter: LineLimiter;
  readonly owner: FileOwner;
  readonly maxFileBytes: number;
  readonly maxFileMs: number;
  /** No file is opened before it resolves. Never rejects. */
  readonly isReady: Promise<void>;
  /** See RotatingFileOptions. */
  readonly openNew?: OpenNew;
}

/** Limit of the records that wait for the disk, for each model. */
const MAX_QUEUED_BYTES = 16 * 2 ** 20;

export class RequestLog implements TapConsumer {
  readonly samplingRate: number;
  readonly wantsResponse = true;
  readonly #file: RotatingRecordFile;
  readonly #counts: RecordCounts;

  constructor(model: string, config: RequestLoggingConfig, counts: RecordCounts, options: RequestLogOptions) {
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
      onWritten: (records) => counts.add('written', records),
      onFailed: (records, error) => {
        counts.add('failed', records);
        if (error === undefined) return;
        logError(
          error,
          { prefix: config.filenamePrefix },
          'the request log cannot be written; requests go on without it',
        );
      },
      onLeft: (path, error) => logError(error, { path }, 'a file of the request log was left unfinished'),
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
