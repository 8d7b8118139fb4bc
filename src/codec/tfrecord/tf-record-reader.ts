/**
 * TFRecord, read (the layout is in tf-record-writer.ts): bytes in whatever pieces they come, whole records out.
 *
 *   push(chunk)… ──▶ next() ──▶ a record │ undefined: more bytes are needed │ throws: this is no TFRecord
 *   end()        ──▶ throws if the last record is cut off
 *
 * Both checksums are compared before anything is given out, and a record may be of `maxRecordBytes` at most: a length
 * that nobody checked would make us wait for, or allocate, whatever it says. After an error the reader is of no further
 * use; `wholeBytes` is where the last good record ended.
 *
 * What is given out is a view of the pieces pushed, or of a copy where a record came in several: do not change either.
 */
import { Buffer } from 'node:buffer';
import { ServingError } from '../../core/errors.ts';
import { maskedCrc32c, RECORD_HEAD_BYTES, RECORD_LENGTH_BYTES, RECORD_TAIL_BYTES } from './tf-record-writer.ts';

/** `torn`: the bytes end within a record. `corrupt`: a checksum does not agree. `too_large`: over `maxRecordBytes`. */
export type RecordProblem = 'torn' | 'corrupt' | 'too_large';

export interface TfRecord {
  readonly data: Uint8Array;
  /** Of the record's first byte, its length, in the file. */
  readonly offset: number;
}

export interface TfRecordLimits {
  readonly maxRecordBytes: number;
}

/** The problem of an error that came from here; undefined of any other. */
export function recordProblemOf(error: unknown): RecordProblem | undefined {
  const problem = error instanceof ServingError ? error.attributes?.['record_problem'] : undefined;
  return problem as RecordProblem | undefined;
}

export class TfRecordReader {
  readonly #maxRecordBytes: number;
  #buffer: Buffer = Buffer.alloc(0);
  #position = 0;
  /** What came after `#buffer`; joined with it when a record needs it. */
  #more: Uint8Array[] = [];
  #moreBytes = 0;
  /** Of the record that is being read; undefined before its head was read. */
  #length: number | undefined;
  #wholeBytes = 0;

  constructor({ maxRecordBytes }: TfRecordLimits) {
    this.#maxRecordBytes = maxRecordBytes;
  }

  /** Of all records that were given out: where the first one that was not begins. */
  get wholeBytes(): number {
    return this.#wholeBytes;
  }

  push(chunk: Uint8Array): void {
    this.#more.push(chunk);
    this.#moreBytes += chunk.byteLength;
  }

  /** Throws ServingError `invalid_request` (recordProblemOf says which kind) with the record's offset. */
  next(): TfRecord | undefined {
    this.#length ??= this.#readLength();
    if (this.#length === undefined || !this.#has(this.#length + RECORD_TAIL_BYTES)) return undefined;
    const start = this.#position;
    const end = start + this.#length;
    const data = this.#buffer.subarray(start, end);
    if (this.#buffer.readUInt32LE(end) !== maskedCrc32c(data))
      throw this.#error('corrupt', 'its data has another checksum');
    const offset = this.#wholeBytes;
    this.#wholeBytes += RECORD_HEAD_BYTES + this.#length + RECORD_TAIL_BYTES;
    this.#position = end + RECORD_TAIL_BYTES;
    this.#length = undefined;
    return { data, offset };
  }

  /** Call when no more bytes will come and `next` has given out all: throws if some are left over. */
  end(): void {
    const left = this.#buffer.byteLength - this.#position + this.#moreBytes;
    if (left > 0 || this.#length !== undefined) throw this.#error('torn', 'the file ends within it');
  }

  #readLength(): number | undefined {
    if (!this.#has(RECORD_HEAD_BYTES)) return undefined;
    const head = this.#position;
    const crc = this.#buffer.readUInt32LE(head + RECORD_LENGTH_BYTES);
    if (crc !== maskedCrc32c(this.#buffer.subarray(head, head + RECORD_LENGTH_BYTES))) {
      throw this.#error('corrupt', 'its length has another checksum');
    }
    const length = Number(this.#buffer.readBigUInt64LE(head));
    if (length > this.#maxRecordBytes) {
      throw this.#error('too_large', `it has ${length} bytes, and ${this.#maxRecordBytes} are allowed`);
    }
    this.#position += RECORD_HEAD_BYTES;
    return length;
  }

  /** Are so many bytes there? Then they are in `#buffer`, from `#position` on. */
  #has(count: number): boolean {
    const left = this.#buffer.byteLength - this.#position;
    if (left >= count) return true;
    if (left + this.#moreBytes < count) return false;
    const pieces = left === 0 ? this.#more : [this.#buffer.subarray(this.#position), ...this.#more];
    const [first] = pieces;
    this.#buffer =
      pieces.length === 1 ? Buffer.from(first!.buffer, first!.byteOffset, first!.byteLength) : Buffer.concat(pieces);
    this.#position = 0;
    this.#more = [];
    this.#moreBytes = 0;
    return true;
  }

  #error(problem: RecordProblem, text: string): ServingError {
    const offset = this.#wholeBytes;
    return new ServingError('invalid_request', `the record at byte ${offset} is not a whole TFRecord: ${text}`, {
      attributes: { record_problem: problem, offset },
    });
  }
}

/** The records of a stream of bytes, such as a file's. Rejects as the reader throws, after all that came before it. */
export async function* readTfRecords(
  chunks: AsyncIterable<Uint8Array>,
  limits: TfRecordLimits,
): AsyncGenerator<TfRecord, void, undefined> {
  const reader = new TfRecordReader(limits);
  for await (const chunk of chunks) {
    reader.push(chunk);
    for (let record = reader.next(); record !== undefined; record = reader.next()) yield record;
  }
  reader.end();
}
