/** Where `pillion replay` has its requests from: a file, or a sidecar that captured them. TFRecords of PredictionLog. */
import { createReadStream } from 'node:fs';
import type { RequestEntry } from '../admin/requests-report.ts';
import { TfRecordReader } from '../codec/tfrecord/tf-record-reader.ts';
import type { ReplayOptions } from './replay-options.ts';

export interface ReplayRecord {
  /** For messages: "record 3", or the request's id. */
  readonly name: string;
  /** A PredictionLog. */
  readonly data: Uint8Array;
}

const LIMITS = { maxRecordBytes: 2 ** 31 - 1 };
/** Of the requests that the flight recorder has. */
const MAX_LISTED = 1_000_000;

/** In the order in which they came. Throws what the file system, the sidecar or a checksum says. */
export function replayRecords(options: ReplayOptions): AsyncGenerator<ReplayRecord> {
  return options.in === '' ? captured(options) : recorded(options.in);
}

async function* recorded(file: string): AsyncGenerator<ReplayRecord> {
  const reader = new TfRecordReader(LIMITS);
  let number = 0;
  for await (const chunk of createReadStream(file)) {
    reader.push(chunk as Uint8Array);
    for (let record = reader.next(); record !== undefined; record = reader.next()) {
      number += 1;
      yield { name: `record ${number}`, data: record.data };
    }
  }
  reader.end();
}

async function* captured({ admin, model, kept }: ReplayOptions): AsyncGenerator<ReplayRecord> {
  const query = new URLSearchParams({ model, kept, limit: String(MAX_LISTED) });
  const list = await ask(admin, `/requests?${query}`);
  const { requests } = (await list.json()) as { requests: readonly RequestEntry[] };
  for (const { id, has_payload } of [...requests].reverse()) {
    if (!has_payload) continue;
    const reader = new TfRecordReader(LIMITS);
    const answer = await ask(admin, `/requests/${encodeURIComponent(id)}/payload`);
    reader.push(new Uint8Array(await answer.arrayBuffer()));
    const record = reader.next();
    reader.end();
    if (record !== undefined) yield { name: id, data: record.data };
  }
}

async function ask(admin: string, path: string): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(`http://${admin}${path}`);
  } catch (error) {
    const why = ((error as Error).cause as Error | undefined)?.message ?? (error as Error).message;
    throw new Error(`no sidecar at ${admin}: ${why}; start \`pillion serve\`, or say where it is with --admin`);
  }
  if (!answer.ok) throw new Error(`${admin}: ${(await answer.text()).trim() || answer.status}`);
  return answer;
}
