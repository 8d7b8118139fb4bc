/** Replays files of recorded requests (recorded-file.ts) on versions that nobody else sees yet. */
import { join } from 'node:path';
import type { ServeConfig } from '../../config/serve-config.ts';
import type { Clock } from '../../core/clock.ts';
import { type ErrorKind, ServingError, toServingError } from '../../core/errors.ts';
import type { Logger } from '../../ledger/log/log.ts';
import type { LoadedVersion } from '../../models/loading/load-steps.ts';
import { forEachRecord, hasRecordFile, recordBytes } from './recorded-file.ts';

export interface RecordedFilesOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** The largest record that is read. */
  readonly maxRecordBytes: number;
}

/** The options for files whose messages may be as large as those of the server's clients. */
export function recordedFilesOf(server: {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly config: Pick<ServeConfig, 'options'>;
}): RecordedFilesOptions {
  const { clock, logger, config } = server;
  return { clock, logger, maxRecordBytes: recordBytes(config.options.max_message_bytes) };
}

/** How a file is replayed. */
interface ReplayOf {
  /** A word for people: `warm-up`. */
  readonly what: string;
  /** The kind of all its errors. Default: those of `forEachRecord`. */
  readonly errorKind?: ErrorKind;
  /** Called for each record. */
  readonly use: (record: Uint8Array) => Promise<void>;
}

/** The outcome of the replay of one file. */
export interface FileReplay {
  readonly versionDirectory: string;
  /** The number of records that were read, including the one that failed. */
  readonly records: number;
  readonly tookMs: number;
  /** Why the version is not served. */
  readonly error: ServingError | undefined;
}

/**
 * Replays a file of the version, whose path is below its directory, as a whole or up to the record that fails. Undefined
 * if it has none. Rejects with `load_failed` if that cannot be found out.
 */
export async function replayFile(
  { clock, logger, maxRecordBytes }: RecordedFilesOptions,
  { servable: { name, version }, versionDirectory }: LoadedVersion,
  file: string,
  { what, errorKind, use }: ReplayOf,
): Promise<FileReplay | undefined> {
  const path = join(versionDirectory, file);
  if (!(await hasRecordFile(path))) return undefined;
  const startedAt = clock.nowMs();
  let records = 0;
  let error: ServingError | undefined;
  try {
    await forEachRecord(path, maxRecordBytes, ({ data }) => {
      records += 1;
      return use(data);
    });
  } catch (cause) {
    const { kind, message } = toServingError(cause);
    const text = `model "${name}" version ${version}: its ${what} requests failed: ${message}`;
    error = new ServingError(errorKind ?? kind, text, { cause });
  }
  const tookMs = clock.nowMs() - startedAt;
  // The failed load is logged by the model's lifecycle.
  if (error === undefined) {
    logger.info(
      {
        event: 'replayed',
        model: name,
        version: version.toString(),
        what,
        records,
        ms: Math.round(tookMs * 1000) / 1000,
      },
      `${what} requests replayed`,
    );
  }
  return { versionDirectory, records, tookMs, error };
}
