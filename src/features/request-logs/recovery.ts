/**
 * Recovers the request log file that a killed process left, so that only the record that it was writing is lost.
 *
 *     x.tfrecord.partial ──whole records────────────────▶ x.tfrecord
 *                        ──records, then a part of one──▶ cut behind the last whole one ─▶ x.tfrecord
 *                        ──no record────────────────────▶ removed
 *                        ──bytes that are not records───▶ x.tfrecord.corrupt, unchanged, for somebody to look at
 *
 * A renamed file is on the disk before it gets its name. A file whose process still runs, or ran on another host, is left
 * alone, and so is what only looks like a file of ours: a link, a FIFO, another user's file (files/own-file.ts). Call it before this process begins a file of
 * the prefix: in a container each process has the pid of its predecessor.
 */
import { Buffer } from 'node:buffer';
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { basename, join } from 'node:path';
import process from 'node:process';
import { type RecordProblem, recordProblemOf, TfRecordReader } from '../../codec/tfrecord/tf-record-reader.ts';
import type { Disk } from '../../files/disk.ts';
import type { OwnDirectory } from '../../files/own-directory.ts';
import { openOwnFile } from '../../files/own-file.ts';
import { CORRUPT, type FileOwner, type LeftoverName, leftoversAmong } from './record-file-name.ts';

export interface RecoveryOptions {
  readonly prefix: string;
  /** The prefix's directory. It need not exist. */
  readonly directory: OwnDirectory;
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
  const { prefix, directory, owner, isAlive = isProcessAlive } = options;
  const recovered: RecoveredFile[] = [];
  const errors: unknown[] = [];
  const { realPath, names } = await listing(directory).catch((error: NodeJS.ErrnoException) => {
    // No directory: nothing was ever written.
    if (error.code !== 'ENOENT') errors.push(error);
    return { realPath: directory.path, names: [] };
  });
  for (const leftover of leftoversAmong(names, join(realPath, basename(prefix)), owner.host)) {
    // The first process of a container always has pid 1, so our own pid is our predecessor's.
    if (leftover.pid !== owner.pid && isAlive(leftover.pid)) continue;
    try {
      recovered.push(await recover(directory.disk, leftover, options.maxRecordBytes));
    } catch (error) {
      errors.push(error);
    }
  }
  if (recovered.length > 0) await directory.sync().catch((error: unknown) => errors.push(error));
  return { recovered, errors };
}

async function listing(directory: OwnDirectory): Promise<{ realPath: string; names: string[] }> {
  const realPath = await directory.find();
  return { realPath, names: await directory.disk.readdir(realPath) };
}

async function recover(disk: Disk, { path, wholePath }: LeftoverName, maxRecordBytes: number): Promise<RecoveredFile> {
  const handle = await openOwnFile(disk, path, constants.O_RDWR);
  try {
    const { records, wholeBytes, allBytes, problem } = await survey(handle, maxRecordBytes);
    const isCorrupt = problem === 'corrupt' || problem === 'too_large';
    const cutBytes = isCorrupt ? 0 : allBytes - wholeBytes;
    if (records === 0 && !isCorrupt) {
      await disk.unlink(path);
      return { path: undefined, records, cutBytes, isCorrupt };
    }
    if (cutBytes > 0) await handle.truncate(wholeBytes);
    await handle.datasync();
    const to = isCorrupt ? wholePath + CORRUPT : wholePath;
    await disk.rename(path, to);
    return { path: to, records, cutBytes, isCorrupt };
  } finally {
    await handle.close();
  }
}

const READ_BYTES = 64 * 1024;

interface Survey {
  readonly records: number;
  readonly wholeBytes: number;
  readonly allBytes: number;
  readonly problem: RecordProblem | undefined;
}

/** Rejects only if the file cannot be read. */
async function survey(handle: FileHandle, maxRecordBytes: number): Promise<Survey> {
  const reader = new TfRecordReader({ maxRecordBytes });
  let records = 0;
  let allBytes = 0;
  let problem: RecordProblem | undefined;
  try {
    for (;;) {
      // The reader keeps what it is given.
      const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(READ_BYTES), 0, READ_BYTES, allBytes);
      if (bytesRead === 0) break;
      allBytes += bytesRead;
      reader.push(buffer.subarray(0, bytesRead));
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
