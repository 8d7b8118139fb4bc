/**
 * One live recording: streams a model's answered requests as TFRecords until a limit is reached. The server does not
 * wait for a slow reader: records that it has no room for are dropped and counted.
 *
 * Trailers say how the recording ended; a body without trailers was cut off.
 */
import type { Buffer } from 'node:buffer';
import type { ServerResponse } from 'node:http';
import type { SampleConsumer } from '../../models/serving/request-samplers.ts';
import type { RecordCounts } from './record-counters.ts';

/** Why a recording ended. */
export type RecordingEnd = 'count' | 'max_bytes' | 'duration' | 'draining' | 'reader_left';

export interface RecordingSpec {
  readonly model: string;
  /** Limit of records. */
  readonly count: number;
  /** Limit of bytes. */
  readonly maxBytes: number;
  /** Limit of time; 0 for none. */
  readonly durationMs: number;
  readonly samplingRate: number;
  readonly wantsResponse: boolean;
}

/** Trailers of the answer. */
export const RECORDS_TRAILER = 'x-pillion-records';
export const DROPPED_TRAILER = 'x-pillion-dropped';
export const ENDED_TRAILER = 'x-pillion-ended';

/** Limit of unread records. Without unread ones a record of any size is sent. */
const MAX_UNREAD_BYTES = 8 * 2 ** 20;

export class Recording implements SampleConsumer {
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
    // The reader learns now that the recording has begun.
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

  /** A second call has no effect. */
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
