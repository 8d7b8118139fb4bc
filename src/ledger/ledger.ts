/**
 * The ledger takes requests and batches when they have ended. Each request writes one record into a ring, and whoever
 * counts, measures or shows requests reads it there:
 *
 *   a request ends ──▶ ring  │ read │ read │ unread ▐▐▐▐▐│ ──▶ readers, requests first, in the order of their ends:
 *   a batch ends ────▶ batches since the last reading          – when one of them is asked (`settle`)
 *                                                              – when a quarter of the ring is unread
 *                                                              – after the turn in which READ_AFTER_BATCHES are new
 *                                                              – READ_AFTER_MS after the first unread record
 *
 * So a request pays for one record, and the readers' work for a hundred of them is done in one loop, for which whoever is
 * served at that time waits. Where batches are small, few requests share that wait and it is a large part of their
 * latency: readers come after fewer of them then, and when the turn's answers are written. Errors and the steps of
 * ensembles are held until they are read, and not in the ring.
 */
import { setImmediate } from 'node:timers';
import type { Clock, TimerHandle } from '../core/clock.ts';
import { ReadRequest, type UnreadFacts } from './recorder/read-request.ts';
import { RequestRing } from './recorder/request-ring.ts';
import type { BatchRecord, KeepReason, RequestRecord } from './request-record.ts';

const PLACES = 512;
const QUARTER = PLACES / 4;
const READ_AFTER_BATCHES = 16;
const READ_AFTER_MS = 1000;

/** Reads requests, then batches, in the order in which they ended. The next request is the same object: copy it. */
export interface RecordReader {
  recordRequest(record: ReadRequest): void;
  recordBatch(record: BatchRecord): void;
}

/** Reads requests by columns: those at places `from` to `to` − 1 of the ring. */
export type ColumnReader = (ring: RequestRing, from: number, to: number) => void;

export interface LedgerOptions {
  readonly clock: Clock;
  readonly reader: RecordReader;
  /** Comes before `reader`. */
  readonly columnReader: ColumnReader;
  /** Its reader threw: the record is not read again. */
  readonly onFault: (error: unknown) => void;
}

export class Ledger {
  /** The last requests. */
  readonly ring = new RequestRing(PLACES);
  readonly #options: LedgerOptions;
  readonly #request = new ReadRequest();
  #unread = 0;
  /** Facts of the unread records, by their number. */
  readonly #facts: (UnreadFacts | undefined)[] = new Array(QUARTER).fill(undefined);
  readonly #batches: BatchRecord[] = [];
  #timer: TimerHandle | undefined;

  constructor(options: LedgerOptions) {
    this.#options = options;
  }

  /** Copies a request that has ended; `kept`: why it is kept. */
  recordRequest(record: RequestRecord, kept: KeepReason | undefined): void {
    this.ring.add(record, kept);
    const { error, fallback, steps } = record;
    const isOrdinary = error === undefined && fallback === undefined && steps === undefined;
    this.#facts[this.#unread] = isOrdinary ? undefined : { error, fallback, steps };
    this.#unread += 1;
    // A step that goes on after its ensemble's end would be another one later.
    if (this.#unread === QUARTER || steps !== undefined) this.settle();
    else if (this.#timer === undefined) this.#startTimer();
  }

  /** The batch's numbers must not change any more. */
  recordBatch(record: BatchRecord): void {
    const unread = this.#batches.push(record);
    if (unread === QUARTER) this.settle();
    else if (unread === READ_AFTER_BATCHES) setImmediate(() => this.settle());
    else if (this.#timer === undefined) this.#startTimer();
  }

  /** Has everything read that came so far. */
  settle(): void {
    const unread = this.#unread;
    if (unread > 0) {
      this.#readColumns(this.ring.placeBack(unread), unread);
      for (let i = 0; i < unread; i++) this.#readRequest(i);
      this.#facts.fill(undefined);
      this.#unread = 0;
    }
    for (const batch of this.#batches) this.#readBatch(batch);
    this.#batches.length = 0;
  }

  /** Settles for the last time. */
  close(): void {
    this.settle();
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #readColumns(from: number, count: number): void {
    const { ring } = this;
    const { columnReader, onFault } = this.#options;
    const to = Math.min(ring.places, from + count);
    try {
      columnReader(ring, from, to);
      if (to < from + count) columnReader(ring, 0, from + count - to);
    } catch (error) {
      onFault(error);
    }
  }

  #readRequest(i: number): void {
    try {
      const request = this.#request;
      this.ring.read(this.#unread - i, request);
      request.takeUnread(this.#facts[i]);
      this.#options.reader.recordRequest(request);
    } catch (error) {
      this.#options.onFault(error);
    }
  }

  #readBatch(record: BatchRecord): void {
    try {
      this.#options.reader.recordBatch(record);
    } catch (error) {
      this.#options.onFault(error);
    }
  }

  #startTimer(): void {
    const { clock } = this.#options;
    this.#timer = clock.setTimer(clock.nowMs() + READ_AFTER_MS, () => {
      this.#timer = undefined;
      this.settle();
    });
  }
}
