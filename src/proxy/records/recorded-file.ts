/**
 * Files of recorded requests that a version may have in <version>/assets.extra/: TFRecord files of PredictionLog with at
 * most MAX_RECORDS records.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readTfRecords, recordProblemOf, type TfRecord } from '../../codec/tfrecord/tf-record-reader.ts';
import { type ErrorKind, invalidRequest, ServingError } from '../../core/errors.ts';

/** Requests to replay before the version is served, by TensorFlow Serving's name. */
export const WARM_UP_FILE = join('assets.extra', 'tf_serving_warmup_requests');

/** TensorFlow Serving's limit. */
const MAX_RECORDS = 1000;

/** Room in a record for everything but request and answer: names, versions and field headers. */
const METADATA_BYTES = 64 * 1024;

/** The largest record: a request and its answer, each of them at most one message long. */
export function recordBytes(maxMessageBytes: number): number {
  return 2 * maxMessageBytes + METADATA_BYTES;
}

/** Whether the file exists. Rejects with `load_failed` if that cannot be found out. */
export async function hasRecordFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return false;
    throw loadFailed(`"${path}" cannot be looked at: ${message}; make it readable or take it away`, error);
  }
}

/**
 * Calls `use` for each record, one after the other. If the file is damaged or has too many records, or if `use`
 * rejects, it rejects with an error that names the file, the record and its offset. Its kind is the one of TensorFlow
 * Serving's code: `corrupt_records` for what is no TFRecord; `invalid_request` or `unsupported` for a request or a kind
 * of record that the model or the server does not take, and for too many records; else `load_failed`.
 */
export async function forEachRecord(
  path: string,
  maxRecordBytes: number,
  use: (record: TfRecord) => Promise<void>,
): Promise<void> {
  let count = 0;
  let fault: ServingError | undefined;
  const records = readTfRecords(createReadStream(path), { maxRecordBytes });
  try {
    for await (const record of records) {
      count += 1;
      if (count > MAX_RECORDS) {
        const text = `"${path}" has more than ${MAX_RECORDS} records; keep the first ${MAX_RECORDS} or fewer`;
        fault = invalidRequest(text);
        throw fault;
      }
      await use(record).catch((cause: unknown) => {
        const text = `"${path}", record ${count} at byte ${record.offset}: ${textOf(cause)}`;
        fault = new ServingError(kindOf(cause), text, { cause });
        throw fault;
      });
    }
  } catch (error) {
    throw fault ?? unreadable(path, error);
  }
}

/** A fault of the record keeps its kind; any other kind would say that the load may be retried, or how. */
function kindOf(cause: unknown): ErrorKind {
  if (!(cause instanceof ServingError)) return 'load_failed';
  return cause.kind === 'invalid_request' || cause.kind === 'unsupported' ? cause.kind : 'load_failed';
}

function unreadable(path: string, cause: unknown): ServingError {
  const problem = recordProblemOf(cause);
  if (problem === undefined) return loadFailed(`"${path}" cannot be read: ${textOf(cause)}`, cause);
  if (problem === 'too_large') {
    return loadFailed(`"${path}": ${textOf(cause)}; write smaller requests, or raise --max_message_bytes`, cause);
  }
  const text = `"${path}": ${textOf(cause)}; write it again as a TFRecord file of PredictionLog messages`;
  return new ServingError('corrupt_records', text, { cause });
}

function textOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

function loadFailed(message: string, cause?: unknown): ServingError {
  return new ServingError('load_failed', message, { cause });
}
