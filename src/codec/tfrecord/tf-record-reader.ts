/**
 * TFRecord, read (tf-record-writer.ts shows its layout): chunks of any size in, whole records out.
 *
 *   push(chunk)… ──▶ next() ──▶ a record │ undefined: more bytes are needed │ throws: this is no TFRecord
 *   end()        ──▶ throws if the last record is cut off
 *
 * Both checksums are compared before a record is returned. A record of more than `maxRecordBytes` is refused before its
 * bytes are awaited or allocated. After an error the reader cannot be used; `wholeBytes` is the end of the last good
 * record.
 *
 * A record is a view of a pushed chunk, or of a copy if it came in several chunks: do not change either.
 */
import { Buffer } from 'node:buffer';
import { ServingError } from '../../core/errors.ts';
import { maskedCrc32c, RECORD_HEAD_BYTES, RECORD_LENGTH_BYTES, RECORD_TAIL_BYTES } from './tf-record-writer.ts';

/** `torn`: the bytes end within a record. `corrupt`: a checksum differs. `too_large`: more than `maxRecordBytes`. */
export type RecordProblem = 'torn' | 'corrupt' | 'too_large';

export interface TfRecord {
  readonly data: Uint8Array;
  /** The offset of the record in the file, in bytes. */
  readonly offset: number;
}

export interface TfRecordLimits {
  readonly maxRecordBytes: number;
}

/** The problem of an error of TfRecordReader; undefined for any other error. */
export function recordProblemOf(error: unknown): RecordProblem | undefined {
  const problem = error instanceof ServingError ? error.attributes?.['record_problem'] : undefined;
  return problem as RecordProblem | undefined;
}

export class TfRecordReader {
  readonly #maxRecordBytes: number;
  #buffer: Buffer = Buffer.alloc(0);
  #position = 0;
  /** The chunks after `#buffer`; joined with it when a record needs them. */
  #more: Uint8Array[] = [];
  #moreBytes = 0;
  /** The length of the record that is being read; undefined before its head was read. */
  #length: number | undefined;
  #wholeBytes = 0;

  constructor({ maxRecordBytes }: TfRecordLimits) {
    this.#maxRecordBytes = maxRecordBytes;
  }

  /** The bytes of all records returned so far. */
  get wholeBytes(): number {
    return this.#wholeBytes;
  }

  push(chunk: Uint8Array): void {
    this.#more.push(chunk);
    this.#moreBytes += chunk.byteLength;
  }

  /** Throws ServingError `invalid_request` with the record's offset; `recordProblemOf` gives the problem. */
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

  /** Call after the last chunk, once `next` returned undefined: throws if bytes are left over. */
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

  /** Are `count` bytes there? Then they are in `#buffer`, from `#position` on. */
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

/** The records of a stream of bytes, such as a file. Rejects as the reader throws, after the good records before. */
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
