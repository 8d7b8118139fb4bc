/**
 * The request logs of all models.
 *
 *   configure(models)   opens new logs, closes removed ones and leaves unchanged ones; recovers the files of dead
 *                       processes when it sees a prefix for the first time
 *   close()             writes what is queued
 */
import { dirname } from 'node:path';
import type { Disk } from '../../files/disk.ts';
import { OwnDirectory } from '../../files/own-directory.ts';
import { LineLimiter } from '../../ledger/log/line-limiter.ts';
import type { RequestSamplers } from '../../models/serving/request-samplers.ts';
import type { RequestLoggingConfig } from './keys.ts';
import { pruneFiles } from './record-retention.ts';
import { type RecoveryReport, recoverRecordFiles } from './recovery.ts';
import { DELETED, RequestLog, type RequestLogOptions } from './request-log.ts';
import type { RequestLogCounters } from './request-log-counters.ts';

export interface RequestLogsOptions extends Omit<RequestLogOptions, 'limiter' | 'isReady' | 'directory'> {
  /** See OwnDirectoryOptions. */
  readonly minFreePercent: number;
  /** Default: the system's. */
  readonly disk?: Disk;
  readonly samplers: RequestSamplers;
  readonly counters: RequestLogCounters;
  readonly maxRecordBytes: number;
}

interface LoggedModel {
  readonly name: string;
  /** Undefined = it has no log. */
  readonly logging?: RequestLoggingConfig | undefined;
}

const LINE_WINDOW_MS = 60_000;

/** The directory of a prefix's files, and the recovery of those that a dead process left. */
interface Place {
  readonly directory: OwnDirectory;
  readonly recovery: Promise<void>;
}

interface OpenLog {
  readonly config: RequestLoggingConfig;
  readonly log: RequestLog;
  readonly stopListening: () => void;
}

export class RequestLogs {
  readonly #options: RequestLogsOptions;
  readonly #limiter: LineLimiter;
  readonly #open = new Map<string, OpenLog>();
  /** Work in the background: recoveries, and logs that are being closed. */
  readonly #work = new Set<Promise<void>>();
  /** Places by prefix. */
  readonly #places = new Map<string, Place>();

  constructor(options: RequestLogsOptions) {
    this.#options = options;
    const { clock, logger } = options;
    this.#limiter = new LineLimiter({
      clock,
      windowMs: LINE_WINDOW_MS,
      linesPerWindow: 1,
      onSuppressed: (model, lines) =>
        logger.error({ model, lines }, 'more errors of the request log in the last minute'),
    });
  }

  /** Does not wait. A model that is not listed has no log. */
  configure(models: readonly LoggedModel[]): void {
    const wanted = new Map<string, RequestLoggingConfig>();
    for (const { name, logging } of models) if (logging !== undefined) wanted.set(name, logging);
    for (const [model, { config }] of this.#open) if (!isSame(config, wanted.get(model))) this.#stop(model);
    for (const { filenamePrefix } of wanted.values()) this.#recover(filenamePrefix);
    for (const [model, config] of wanted) if (!this.#open.has(model)) this.#start(model, config);
  }

  /** Resolves when everything is written. Never rejects. */
  async close(): Promise<void> {
    for (const model of this.#open.keys()) this.#stop(model);
    await Promise.all(this.#work);
    this.#limiter.close();
  }

  #start(model: string, config: RequestLoggingConfig): void {
    const { counters, samplers } = this.#options;
    const place = this.#places.get(config.filenamePrefix)!;
    const log = new RequestLog(model, config, counters.of(model), {
      ...this.#options,
      limiter: this.#limiter,
      directory: place.directory,
      isReady: place.recovery,
    });
    this.#open.set(model, { config, log, stopListening: samplers.add(model, log) });
    const { filenamePrefix: prefix, samplingRate } = config;
    this.#options.logger.info(
      { event: 'request_log', model, prefix, sampling_rate: samplingRate },
      'requests are logged',
    );
  }

  #stop(model: string): void {
    const { log, stopListening } = this.#open.get(model)!;
    this.#open.delete(model);
    stopListening();
    this.#inBackground(log.close());
  }

  #recover(prefix: string): void {
    if (this.#places.has(prefix)) return;
    const { owner, maxRecordBytes, maxKeptBytes, fileMode, logger } = this.#options;
    // A file's group reads it only if it may search the directory.
    const mode = fileMode === 0o600 ? 0o700 : 0o750;
    const directory = new OwnDirectory(dirname(prefix), { ...this.#options, mode });
    const recovery = recoverRecordFiles({ prefix, directory, owner, maxRecordBytes })
      .then((report) => this.#logRecovery(prefix, report))
      .then(() => pruneFiles(directory, prefix, maxKeptBytes))
      .then((files) => {
        if (files > 0) logger.info({ event: 'request_log_pruned', prefix, files }, DELETED);
      })
      .catch((err: NodeJS.ErrnoException) => {
        if (err.code !== 'ENOENT') logger.warn({ prefix, err }, 'old files of the request log cannot be deleted');
      });
    this.#places.set(prefix, { directory, recovery });
    this.#inBackground(recovery);
  }

  #logRecovery(prefix: string, { recovered, errors }: RecoveryReport): void {
    const { logger } = this.#options;
    for (const { path, records, cutBytes, isCorrupt } of recovered) {
      const facts = { prefix, path, records, cut_bytes: cutBytes };
      if (isCorrupt) logger.warn(facts, 'a file that a process before this one left has bytes that are no records');
      else logger.info({ event: 'recovered', ...facts }, 'finished a file that a process before this one left');
    }
    for (const error of errors)
      logger.warn({ prefix, err: error }, 'what a process before this one left stays as it is');
  }

  #inBackground(work: Promise<void>): void {
    const tracked = work.finally(() => this.#work.delete(tracked));
    this.#work.add(tracked);
  }
}

function isSame(a: RequestLoggingConfig, b: RequestLoggingConfig | undefined): boolean {
  return b !== undefined && a.filenamePrefix === b.filenamePrefix && a.samplingRate === b.samplingRate;
}
