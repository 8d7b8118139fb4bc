/**
 * Recovers the request log file that a killed process left, so that only the record that it was writing is lost.
 *
 *     x.tfrecord.partial ──whole records────────────────▶ x.tfrecord
 *                        ──records, then a part of one──▶ cut behind the last whole one ─▶ x.tfrecord
 *                        ──no record────────────────────▶ removed
 *                        ──bytes that are not records───▶ x.tfrecord.corrupt, unchanged, for somebody to look at
 *
 * A file whose process still runs, or ran on another host, is left alone. Call it before this process begins a file of
 * the prefix: in a container each process has the pid of its predecessor.
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
  /** Does a process with this pid run? Default: asks the system. */
  isAlive?(pid: number): boolean;
}

export interface RecoveredFile {
  /** Its path now; undefined if it was removed. */
  readonly path: string | undefined;
  readonly records: number;
  /** Bytes of the unfinished record. */
  readonly cutBytes: number;
  readonly isCorrupt: boolean;
}

export interface RecoveryReport {
  readonly recovered: readonly RecoveredFile[];
  /** One for each file that could not be recovered; the file is unchanged. */
  readonly errors: readonly unknown[];
}

/** Recovers all files of a prefix. Never rejects. */
export async function recoverRecordFiles(options: RecoveryOptions): Promise<RecoveryReport> {
  const { prefix, owner, isAlive = isProcessAlive } = options;
  const recovered: RecoveredFile[] = [];
  const errors: unknown[] = [];
  const names = await readdir(dirname(prefix)).catch((error: NodeJS.ErrnoException) => {
    // No directory: nothing was ever written.
    if (error.code !== 'ENOENT') errors.push(error);
    return [];
  });
  for (const leftover of leftoversAmong(names, prefix, owner.host)) {
    // In a container the first process always has pid 1, so our own pid is our predecessor's.
    if (leftover.pid !== owner.pid && isAlive(leftover.pid)) continue;
    try {
      recovered.push(await recover(leftover, options.maxRecordBytes));
    } catch (error) {
      errors.push(error);
    }
  }
  return { recovered, errors };
}

async function recover({ path, wholePath }: LeftoverName, maxRecordBytes: number): Promise<RecoveredFile> {
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

/** Rejects only if the file cannot be read. */
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
    // It runs as another user.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
