/**
 * Sends the lines of the log to a collector, as they are written to standard error.
 *
 *   line ─▶ LogRecordWriter ─▶ SpanQueue ─▶ the SDK's OTLP transport
 *           bytes              batches      headers, TLS, gzip, retries
 *
 * Lines wait until the transport is open, and then in the queue's bounds; nobody waits for a collector. What was lost
 * is counted, and logged with one line a minute and reason.
 */
import type { Exporter, FlushLosses } from '../../ledger/tracing/tracing.ts';
import type { ExportQueue } from '../otlp/export-queue.ts';
import { lastFlush } from '../otlp/last-flush.ts';
import { LossLog } from '../otlp/losses.ts';
import type { ExportOptions, LostSpansListener } from '../otlp/tracing-options.ts';
import { type LogLine, LogRecordWriter } from './log-record.ts';

/** Lines that wait for the transport. A start has some dozens. */
const MAX_EARLY = 2048;

export class LogExport implements Exporter {
  readonly #options: ExportOptions;
  readonly #losses: LossLog;
  readonly #writer: LogRecordWriter;
  /** Undefined once they have gone to the queue, or cannot. */
  #early: string[] | undefined = [];
  #opened: ExportQueue | undefined;
  #starting: Promise<void> | undefined;
  #ended: Promise<FlushLosses> | undefined;

  constructor(options: ExportOptions, onLost: LostSpansListener) {
    this.#options = options;
    this.#writer = new LogRecordWriter(options.version);
    this.#losses = new LossLog(options, 'log_records', onLost);
  }

  /** Takes a line of JSON. Never throws. */
  add(line: string): void {
    const early = this.#early;
    if (early === undefined) this.#write(line);
    else if (early.length < MAX_EARLY) early.push(line);
    else this.#losses.add(1, 'queue_full', undefined);
  }

  start(): Promise<void> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  shutdown(): Promise<FlushLosses> {
    this.#ended ??= this.#end();
    return this.#ended;
  }

  async #start(): Promise<void> {
    try {
      const { openLogQueue } = await import('./log-queue.ts');
      this.#opened = await openLogQueue(this.#options, this.#losses);
    } catch (error) {
      this.#options.logger.error({ err: error }, 'the log is not exported');
    }
    const early = this.#early ?? [];
    this.#early = undefined;
    for (const line of early) this.#write(line);
  }

  #write(line: string): void {
    const queue = this.#opened?.queue;
    const writer = queue?.open();
    if (queue === undefined || writer === undefined) return;
    this.#writer.write(writer, JSON.parse(line) as LogLine, this.#options.clock.wallMs());
    queue.close();
  }

  async #end(): Promise<FlushLosses> {
    await this.#starting;
    const opened = this.#opened;
    if (opened === undefined) {
      this.#losses.close();
      return {};
    }
    // Lines from now on, such as those of other exporters that end, are written to standard error alone.
    this.#opened = undefined;
    const { clock, logger } = this.#options;
    const error = await lastFlush(clock, () => opened.sendRest());
    if (error !== undefined) logger.warn({ err: error }, 'the last log records were lost');
    const lost = opened.close();
    return lost === 0 ? {} : { lost_log_records: lost };
  }
}
