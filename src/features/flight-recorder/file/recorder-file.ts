/**
 * Writes what the flight recorder keeps into the file of requests, in batches beside the requests:
 *
 *   kept requests ── a second after the first ──▶ requests
 *   traffic       ── every half a minute ───────▶ traffic
 *
 * No request waits for it, and none fails with it. While a disk takes nothing, records are lost: they are counted, and
 * the log has one line when that begins and one when it is over.
 */
import type { RequestEntry } from '../../../admin/request-entry.ts';
import { atMost, type Clock, repeat, type TimerHandle, WakeTimer } from '../../../core/clock.ts';
import { ServingError } from '../../../core/errors.ts';
import { VERSION } from '../../../version.ts';
import { mergeTicks } from '../history/history-report.ts';
import type { TrafficHistory } from '../history/traffic-history.ts';
import type { KeptHour } from '../kept-hour.ts';
import type { KeptSnapshot } from '../kept-snapshot.ts';
import { MOST_OF_FILE, type RequestQuery } from '../query/request-query.ts';
import { type FoundRequests, type FoundTraffic, findRequests, findTraffic, type WrittenStart } from './file-query.ts';
import type { NewRecord, RingFile } from './ring-file.ts';
import type { RingName } from './ring-format.ts';
import { requestRecord, trafficRecords } from './written-texts.ts';

const REQUESTS_AFTER_MS = 1000;
const TRAFFIC_EVERY_MS = 30_000;
/** The most time for the last records, on a disk that may hang. */
const LAST_RECORDS_MS = 2000;

/** A large file takes seconds, and who asked may be gone by then: pages ask again every ten. */
const MOST_READINGS = 8;

/** The lines of the log, as far as they are written here. */
interface FileLog {
  error(fields: object, text: string): void;
  info(fields: object, text: string): void;
}

export interface RecorderFileOptions {
  readonly file: Pick<RingFile, 'append' | 'read' | 'close' | 'before'>;
  readonly clock: Clock;
  readonly logger: FileLog;
  readonly hour: KeptHour;
  readonly history: TrafficHistory;
  readonly entryOf: (request: KeptSnapshot) => RequestEntry;
  /** Has everything recorded that ended before now. */
  readonly settle: () => void;
}

const EVENT = { event: 'flight_recorder_file' };

export class RecorderFile {
  readonly #options: RecorderFileOptions;
  readonly file: Pick<RingFile, 'append' | 'read' | 'close' | 'before'>;
  /** When this run started: ms since 1970. */
  readonly run: number;
  /** Records that no disk took, since the start. */
  lost = 0;
  #isFailing = false;
  readonly #soon: WakeTimer;
  #timer: TimerHandle | undefined;
  #writing: Promise<void> | undefined;
  #reading: Promise<unknown> = Promise.resolve();
  /** Readings that wait, and the one in progress. */
  #readings = 0;

  constructor(options: RecorderFileOptions) {
    this.#options = options;
    this.file = options.file;
    this.run = Math.round(options.clock.wallMs());
    this.#soon = new WakeTimer(options.clock, () => this.#writeSoon());
  }

  start(): void {
    const { clock, hour } = this.#options;
    this.#timer = repeat(clock, TRAFFIC_EVERY_MS, () => this.#write(() => this.#writeTraffic(false)));
    hour.onAdded = () => this.#soon.armBy(clock.nowMs() + REQUESTS_AFTER_MS);
    this.#write(() => this.#writeStart());
  }

  /** Writes the rest, and that the run has ended as it was told to. Never rejects. */
  async close(): Promise<void> {
    this.#timer?.cancel();
    this.#soon.disarm();
    this.#options.hour.onAdded = () => undefined;
    const last = this.#writeLast().catch((error: unknown) => this.#lose(1, error));
    await atMost(this.#options.clock, LAST_RECORDS_MS, last);
  }

  /** The requests of this run and of those before it, as far as they are written; at most MOST_OF_FILE. */
  requests(query: RequestQuery): Promise<FoundRequests> {
    return this.#read(() => findRequests(this.file, { ...query, limit: Math.min(query.limit, MOST_OF_FILE) }));
  }

  traffic(span: Pick<RequestQuery, 'since' | 'until'>): Promise<FoundTraffic> {
    return this.#read(() => findTraffic(this.file, span));
  }

  /** One reading at a time: each goes through the whole file. Throws ServingError `overloaded` where too many wait. */
  #read<T>(read: () => Promise<T>): Promise<T> {
    if (this.#readings >= MOST_READINGS) throw tooManyReadings();
    this.#readings += 1;
    const reading = this.#reading.then(read).finally(() => {
      this.#readings -= 1;
    });
    this.#reading = reading.catch(() => undefined);
    return reading;
  }

  /** One write at a time: what is left out for that is taken the next time. */
  #write(write: () => Promise<void>): void {
    if (this.#writing !== undefined) return;
    const isOver = (): void => {
      this.#writing = undefined;
    };
    this.#writing = write()
      .catch((error: unknown) => this.#lose(1, error))
      .then(isOver);
  }

  #writeSoon(): void {
    const isFree = this.#writing === undefined;
    this.#write(() => this.#writeRequests());
    if (!isFree) this.#soon.armBy(this.#options.clock.nowMs() + REQUESTS_AFTER_MS);
  }

  async #writeStart(): Promise<void> {
    const { before } = this.file;
    const start: WrittenStart = { run: this.run, version: VERSION, ...(before && { before }) };
    await this.#appendToBoth({ kind: 'start', wallMs: this.run, text: JSON.stringify(start) });
  }

  async #writeLast(): Promise<void> {
    await this.#writing;
    this.#options.settle();
    this.#options.hour.endMinute();
    await this.#writeRequests();
    await this.#writeTraffic(true);
    await this.#appendToBoth({ kind: 'end', wallMs: this.#options.clock.wallMs(), text: '' });
    await this.file.close().catch((error: unknown) => this.#lose(0, error));
  }

  async #writeRequests(): Promise<void> {
    const { hour, entryOf, settle } = this.#options;
    settle();
    await this.#append(
      'requests',
      hour.take().map((request) => requestRecord(entryOf(request), this.run)),
    );
  }

  async #writeTraffic(isLast: boolean): Promise<void> {
    const ticks = this.#options.history.take(isLast);
    const whole = mergeTicks(ticks, 0, Infinity);
    await this.#append('traffic', trafficRecords(whole, this.run));
  }

  async #appendToBoth(record: NewRecord): Promise<void> {
    await this.#append('traffic', [record]);
    await this.#append('requests', [record]);
  }

  async #append(ring: RingName, records: readonly NewRecord[]): Promise<void> {
    try {
      if (records.length > 0) await this.file.append(ring, records);
      if (records.length > 0 && this.#isFailing) this.#recover();
    } catch (error) {
      this.#lose(records.length, error);
    }
  }

  #lose(records: number, error: unknown): void {
    this.lost += records;
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.#options.logger.error({ ...EVENT, err: error }, 'the file of requests takes no records: they are lost');
  }

  #recover(): void {
    this.#isFailing = false;
    this.#options.logger.info({ ...EVENT, lost: this.lost }, 'the file of requests takes records again');
  }
}

function tooManyReadings(): ServingError {
  const text = `the file of requests is being read for ${MOST_READINGS} others; ask again, or for a time that memory has`;
  return new ServingError('overloaded', text);
}
