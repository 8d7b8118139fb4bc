/**
 * Remembers the last finished requests in columns (request-columns.ts), each in the place of the oldest.
 */

import type { Instant } from '../../core/clock.ts';
import type { BatchRecord, KeepReason, RequestRecord } from '../request-record.ts';
import type { ReadRequest } from './read-request.ts';
import { REFERENCE_BYTES } from './request-bytes.ts';
import { NUMBERS, RequestColumns } from './request-columns.ts';
import type { FlightFilter, RequestSnapshot } from './request-snapshot.ts';

export class RequestRing extends RequestColumns {
  #next = 0;
  #taken = 0;

  /** Copies a request into the next place. Without places nothing is remembered. */
  add(record: RequestRecord, kept: KeepReason | undefined): void {
    if (this.places > 0) this.fill(this.#takePlace(), record, kept);
  }

  /** Copies the request at a place of another ring into the next place. */
  copy(from: RequestRing, place: number): void {
    if (this.places > 0) this.copyPlace(from, place, this.#takePlace());
  }

  /** Forgets the request at a place of a ring that has not been filled twice: those after it move up. */
  remove(place: number): void {
    for (let i = place + 1; i < this.#taken; i++) this.copyPlace(this, i, i - 1);
    this.#taken -= 1;
    this.#next = this.#taken;
  }

  /** Fills `into` with the last request for `back` = 1, with the one before for 2. */
  read(back: number, into: ReadRequest): void {
    this.readPlace(this.placeBack(back), into);
  }

  /** Itself: there are rings that are made of several. */
  get rings(): readonly RequestRing[] {
    return [this];
  }

  /** Every place is taken, and the next request goes to the first one. */
  get isFull(): boolean {
    return this.#next === 0 && this.#taken === this.places;
  }

  /** Forgets all requests. Objects that they refer to are let go when their places are filled again. */
  clear(): void {
    this.#next = 0;
    this.#taken = 0;
  }

  /** The last requests that match, newest first; at most `filter.limit`. Only these are copied. */
  newest(filter: FlightFilter): RequestSnapshot[] {
    const found: RequestSnapshot[] = [];
    for (const place of this.matching(filter)) {
      if (found.length >= filter.limit) break;
      found.push(this.snapshot(place));
    }
    return found;
  }

  /** The places of all that match, newest first. */
  *matching(filter: FlightFilter): Iterable<number> {
    const { since = -Infinity } = filter;
    for (let back = 1; back <= this.#taken; back++) {
      const place = this.placeBack(back);
      // Those before it ended earlier, and so arrived earlier, too.
      if (this.endedAt(place) < since) return;
      if (this.matches(place, filter)) yield place;
    }
  }

  /** When the newest request ended; undefined if there is none. */
  get newestEnd(): Instant | undefined {
    return this.#taken === 0 ? undefined : this.endedAt(this.placeBack(1));
  }

  /** The newest request with that id: callers may use an id twice. */
  find(id: string): RequestSnapshot | undefined {
    for (let back = 1; back <= this.#taken; back++) {
      if (this.hasId(this.placeBack(back), id)) return this.snapshot(this.placeBack(back));
    }
    return undefined;
  }

  /** Estimates the bytes that it holds: its columns, and the objects and texts that they refer to. */
  estimateBytes(): number {
    let bytes = this.places * (8 * NUMBERS + REFERENCE_BYTES);
    for (let place = 0; place < this.#taken; place++) bytes += this.bytesAt(place);
    return bytes;
  }

  /** Sequences and ids of a batch's requests. */
  *memberIdsOf(batch: BatchRecord): Iterable<readonly [sequence: number, id: string]> {
    for (let place = this.batches.indexOf(batch); place !== -1; place = this.batches.indexOf(batch, place + 1)) {
      if (place >= this.#taken) return;
      yield [this.sequenceAt(place), this.idAt(place)];
    }
  }

  /** The place of the last request for 1, of the one before for 2. */
  placeBack(back: number): number {
    const place = this.#next - back;
    return place < 0 ? place + this.places : place;
  }

  #takePlace(): number {
    const place = this.#next;
    this.#next = place + 1 === this.places ? 0 : place + 1;
    if (this.#taken < this.places) this.#taken += 1;
    return place;
  }
}
