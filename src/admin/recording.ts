/**
 * One live recording: a model's requests, as they are answered, as TFRecords in the body of an answer that goes on until
 * enough were sent. What the reader is too slow for is lost to it and counted: the server does not wait.
 *
 * Trailers tell how it ended; a body without them was cut off.
 */
import type { Buffer } from 'node:buffer';
import type { ServerResponse } from 'node:http';
import type { RecordCounts } from '../proxy/records/record-counters.ts';
import type { TapConsumer } from '../proxy/records/request-taps.ts';

/** Why a recording ended. */
export type RecordingEnd = 'count' | 'max_bytes' | 'duration' | 'draining' | 'reader_left';

export interface RecordingSpec {
  readonly model: string;
  /** It ends after so many records, */
  readonly count: number;
  /** before it has more bytes than these, */
  readonly maxBytes: number;
  /** or after so long; 0 = however long it takes. */
  readonly durationMs: number;
  readonly samplingRate: number;
  readonly wantsResponse: boolean;
}

/** Trailers of the answer. */
export const RECORDS_TRAILER = 'x-pillion-records';
export const DROPPED_TRAILER = 'x-pillion-dropped';
export const ENDED_TRAILER = 'x-pillion-ended';

/** Of records that the reader has not taken yet. One that finds nothing waiting is sent, however large. */
const MAX_UNREAD_BYTES = 8 * 2 ** 20;

export class Recording implements TapConsumer {
  readonly samplingRate: number;
  readonly wantsResponse: boolean;
  readonly #spec: RecordingSpec;
  readonly #response: ServerResponse;
  readonly #counts: RecordCounts;
  readonly #onEnd: () => void;
  #records = 0;
  #bytes = 0;
  #dropped = 0;
  #isEnded = false;

  /** `onEnd` is called once. */
  constructor(spec: RecordingSpec, response: ServerResponse, counts: RecordCounts, onEnd: () => void) {
    this.#spec = spec;
    this.#response = response;
    this.#counts = counts;
    this.#onEnd = onEnd;
    this.samplingRate = spec.samplingRate;
    this.wantsResponse = spec.wantsResponse;
    response.once('close', () => this.end('reader_left'));
    response.writeHead(200, {
      'content-type': 'application/octet-stream',
      'cache-control': 'no-store',
      trailer: [RECORDS_TRAILER, DROPPED_TRAILER, ENDED_TRAILER].join(', '),
    });
    // So that the reader knows that it is being listened to.
    response.flushHeaders();
  }

  admits(bytes: number): boolean {
    if (this.#isEnded) return false;
    const { writableLength } = this.#response;
    if (writableLength === 0 || writableLength + bytes <= MAX_UNREAD_BYTES) return true;
    this.#dropped += 1;
    this.#counts.add('dropped', 1);
    return false;
  }

  take(record: Buffer): void {
    if (this.#isEnded) return;
    if (this.#bytes + record.byteLength > this.#spec.maxBytes) {
      this.end('max_bytes');
      return;
    }
    this.#response.write(record);
    this.#records += 1;
    this.#bytes += record.byteLength;
    this.#counts.add('written', 1);
    if (this.#records === this.#spec.count) this.end('count');
  }

  /** Twice is once. */
  end(why: RecordingEnd): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#onEnd();
    this.#response.addTrailers({
      [RECORDS_TRAILER]: String(this.#records),
      [DROPPED_TRAILER]: String(this.#dropped),
      [ENDED_TRAILER]: why,
    });
    this.#response.end();
  }
}
