/**
 * Reads the files of recorded requests that a version may have in <version>/assets.extra/:
 *
 *   tf_serving_warmup_requests   requests to replay before the version is served (TensorFlow Serving's name)
 *   pillion_golden_requests      requests with the answers that they must get, or the version is not served
 *
 * Both are TFRecord files of PredictionLog with at most MAX_RECORDS records.
 */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readTfRecords, recordProblemOf, type TfRecord } from '../../codec/tfrecord/tf-record-reader.ts';
import { ServingError } from '../../core/errors.ts';

export const WARM_UP_FILE = join('assets.extra', 'tf_serving_warmup_requests');
export const GOLDEN_FILE = join('assets.extra', 'pillion_golden_requests');

/** TensorFlow Serving's limit. */
export const MAX_RECORDS = 1000;

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
 * Calls `use` for each record, one after the other. Rejects with `load_failed`, which names the file, the record and
 * its offset, if the file is damaged or has too many records, or if `use` rejects.
 */
export async function forEachRecord(
  path: string,
  maxRecordBytes: number,
  use: (record: TfRecord) => Promise<void>,
): Promise<void> {
  let count = 0;
  const records = readTfRecords(createReadStream(path), { maxRecordBytes });
  try {
    for await (const record of records) {
      count += 1;
      if (count > MAX_RECORDS) {
        throw loadFailed(`"${path}" has more than ${MAX_RECORDS} records; keep the first ${MAX_RECORDS} or fewer`);
      }
      await use(record).catch((cause: unknown) => {
        throw loadFailed(`"${path}", record ${count} at byte ${record.offset}: ${textOf(cause)}`, cause);
      });
    }
  } catch (error) {
    if (error instanceof ServingError && error.kind === 'load_failed') throw error;
    throw unreadable(path, error);
  }
}

function unreadable(path: string, cause: unknown): ServingError {
  const problem = recordProblemOf(cause);
  if (problem === undefined) return loadFailed(`"${path}" cannot be read: ${textOf(cause)}`, cause);
  const fix =
    problem === 'too_large'
      ? 'write smaller requests, or raise --max_message_bytes'
      : 'write it again as a TFRecord file of PredictionLog messages';
  return loadFailed(`"${path}": ${textOf(cause)}; ${fix}`, cause);
}

function textOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

function loadFailed(message: string, cause?: unknown): ServingError {
  return new ServingError('load_failed', message, { cause });
}
