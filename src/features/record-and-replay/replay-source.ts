/** Requests for `pillion replay`, as TFRecords of PredictionLog: from a file, or from a sidecar that captured them. */
import type { Buffer } from 'node:buffer';
import { createReadStream } from 'node:fs';
import type { RequestEntry } from '../../admin/request-entry.ts';
import { askAdmin, noSidecar } from '../../cli/ask-admin.ts';
import type { AdminAddress } from '../../cli/sidecar-command.ts';
import { TfRecordReader } from '../../codec/tfrecord/tf-record-reader.ts';
import { fileProblem } from '../../config/config-file.ts';

/** The place from which the requests come, and the choice among them. */
export interface ReplaySource extends AdminAddress {
  /** A file; empty = those that the sidecar captured. */
  readonly in: string;
  /** Empty = those of all models. */
  readonly model: string;
  /** slow, failed, or empty = all. */
  readonly kept: string;
}

export interface ReplayRecord {
  /** "record 3", or the request's id. */
  readonly name: string;
  /** A PredictionLog. */
  readonly data: Uint8Array;
}

const LIMITS = { maxRecordBytes: 2 ** 31 - 1 };
/** More requests than the flight recorder holds. */
const MAX_LISTED = 1_000_000;
/** A payload may be large. */
const TIMEOUT_MS = 60_000;

/** The requests in the order of arrival. Throws if the file, the sidecar or a checksum is at fault. */
export function replayRecords(options: ReplaySource): AsyncGenerator<ReplayRecord> {
  return options.in === '' ? captured(options) : recorded(options.in);
}

async function* recorded(file: string): AsyncGenerator<ReplayRecord> {
  const reader = new TfRecordReader(LIMITS);
  const told = <T>(read: () => T): T => {
    try {
      return read();
    } catch (error) {
      throw new Error(`${file}: ${(error as Error).message}`, { cause: error });
    }
  };
  let number = 0;
  for await (const chunk of chunksOf(file)) {
    reader.push(chunk);
    for (let record = told(() => reader.next()); record !== undefined; record = told(() => reader.next())) {
      number += 1;
      yield { name: `record ${number}`, data: record.data };
    }
  }
  told(() => reader.end());
}

async function* chunksOf(file: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(file) as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw new Error(fileProblem(file, error), { cause: error });
  }
}

async function* captured({ model, kept, ...from }: ReplaySource): AsyncGenerator<ReplayRecord> {
  const query = new URLSearchParams({ model, kept, limit: String(MAX_LISTED) });
  const list = await ask(from, `/requests?${query}`);
  const { requests } = JSON.parse(list.toString()) as { requests: readonly RequestEntry[] };
  for (const { id, has_payload } of [...requests].reverse()) {
    if (!has_payload) continue;
    const reader = new TfRecordReader(LIMITS);
    reader.push(await ask(from, `/requests/${encodeURIComponent(id)}/payload`));
    for (let record = reader.next(); record !== undefined; record = reader.next())
      yield { name: id, data: record.data };
    reader.end();
  }
}

async function ask(from: AdminAddress, path: string): Promise<Buffer> {
  return askAdmin({ from, path, timeoutMs: TIMEOUT_MS }).catch((error: Error) => {
    throw new Error(noSidecar(from.admin, error));
  });
}
