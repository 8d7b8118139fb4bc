/**
 * What a process that was killed left of a request log: its file is made whole, so that nothing is lost but the record
 * that was being written.
 *
 *     x.tfrecord.partial ──records alone──────────────▶ x.tfrecord
 *                        ──records, then half a one───▶ cut behind the last whole one ─▶ x.tfrecord
 *                        ──no record──────────────────▶ removed
 *                        ──bytes that are no records──▶ x.tfrecord.corrupt, untouched: somebody should look at it
 *
 * A file whose process still runs, or ran on another host, is left alone. Call before this process begins a file of the
 * prefix: in a container each process has its predecessor's number.
 */
import { createReadStream } from 'node:fs';
import { readdir, rename, truncate, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import process from 'node:process';
import { type RecordProblem, recordProblemOf, TfRecordReader } from '../../codec/tfrecord/tf-record-reader.ts';
import { CORRUPT, type FileOwner, type LeftoverName, leftoversAmong } from './record-file-name.ts';

export interface RecoveryOptions {
  readonly prefix: string;
  readonly owner: FileOwner;
  readonly maxRecordBytes: number;
  /** Does such a process run? By default the system is asked. */
  isAlive?(pid: number): boolean;
}

export interface RecoveredFile {
  /** As it is called now; undefined = removed. */
  readonly path: string | undefined;
  readonly records: number;
  /** Bytes of the record that was being written. */
  readonly cutBytes: number;
  readonly isCorrupt: boolean;
}

export interface RecoveryReport {
  readonly recovered: readonly RecoveredFile[];
  /** What could not be done; those files are as they were. */
  readonly errors: readonly unknown[];
}

/** Never rejects. */
export async function recoverRecordFiles(options: RecoveryOptions): Promise<RecoveryReport> {
  const { prefix, owner, isAlive = isProcessAlive } = options;
  const recovered: RecoveredFile[] = [];
  const errors: unknown[] = [];
  const names = await readdir(dirname(prefix)).catch((error: NodeJS.ErrnoException) => {
    // Where nothing was ever written nothing was left.
    if (error.code !== 'ENOENT') errors.push(error);
    return [];
  });
  for (const leftover of leftoversAmong(names, prefix, owner.host)) {
    // Our own number is our predecessor's in a container, where the first process is always number 1.
    if (leftover.pid !== owner.pid && isAlive(leftover.pid)) continue;
    try {
      recovered.push(await recovery(leftover, options.maxRecordBytes));
    } catch (error) {
      errors.push(error);
    }
  }
  return { recovered, errors };
}

async function recovery({ path, wholePath }: LeftoverName, maxRecordBytes: number): Promise<RecoveredFile> {
  const { records, wholeBytes, allBytes, problem } = await survey(path, maxRecordBytes);
  if (problem === 'corrupt' || problem === 'too_large') {
    await rename(path, wholePath + CORRUPT);
    return { path: wholePath + CORRUPT, records, cutBytes: 0, isCorrupt: true };
  }
  const cutBytes = allBytes - wholeBytes;
  if (records === 0) {
    await unlink(path);
    return { path: undefined, records, cutBytes, isCorrupt: false };
  }
  if (cutBytes > 0) await truncate(path, wholeBytes);
  await rename(path, wholePath);
  return { path: wholePath, records, cutBytes, isCorrupt: false };
}

interface Survey {
  readonly records: number;
  readonly wholeBytes: number;
  readonly allBytes: number;
  readonly problem: RecordProblem | undefined;
}

/** Rejects only where the file cannot be read. */
async function survey(path: string, maxRecordBytes: number): Promise<Survey> {
  const reader = new TfRecordReader({ maxRecordBytes });
  let records = 0;
  let allBytes = 0;
  let problem: RecordProblem | undefined;
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Uint8Array>) {
      allBytes += chunk.byteLength;
      reader.push(chunk);
      while (reader.next() !== undefined) records += 1;
    }
    reader.end();
  } catch (error) {
    problem = recordProblemOf(error);
    if (problem === undefined) throw error;
  }
  return { records, wholeBytes: reader.wholeBytes, allBytes, problem };
}

function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It runs, as somebody else.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
