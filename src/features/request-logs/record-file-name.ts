/**
 * Names of the files of a request log:
 *
 *     <prefix>-20261125T122530Z-<host>-<pid>-<number>.tfrecord           whole
 *     <prefix>-20261125T122530Z-<host>-<pid>-<number>.tfrecord.partial   being written, or left by a process that died
 *     <prefix>-20261125T122530Z-<host>-<pid>-<number>.tfrecord.corrupt   left, and with bytes that are not records
 *
 * Host and pid name the owner: a process that starts recovers the files of dead processes on its host, and never those
 * of a live process, or of one on another host with a shared volume.
 */
import { basename, dirname, join } from 'node:path';
import { fileTime } from '../../core/clock.ts';

export const PARTIAL = '.partial';
export const CORRUPT = '.corrupt';

/** The process that writes the files. */
export interface FileOwner {
  readonly host: string;
  readonly pid: number;
}

/** The name of a whole file. `number` distinguishes files of one second. */
export function recordFileName(prefix: string, wallMs: number, { host, pid }: FileOwner, number: number): string {
  return `${prefix}-${fileTime(wallMs)}-${safeHost(host)}-${pid}-${number}.tfrecord`;
}

export interface LeftoverName {
  /** Ends with PARTIAL. */
  readonly path: string;
  /** The file's path once it is whole. */
  readonly wholePath: string;
  readonly pid: number;
}

/** The names in a directory that processes on this host were writing for the prefix. */
export function leftoversAmong(names: readonly string[], prefix: string, host: string): readonly LeftoverName[] {
  const start = `${basename(prefix)}-`;
  const leftovers: LeftoverName[] = [];
  for (const name of names) {
    if (!name.startsWith(start)) continue;
    const [, owner, pid] = /^\d{8}T\d{6}Z-(.+)-(\d+)-\d+\.tfrecord\.partial$/.exec(name.slice(start.length)) ?? [];
    if (owner !== safeHost(host)) continue;
    const path = join(dirname(prefix), name);
    leftovers.push({ path, wholePath: path.slice(0, -PARTIAL.length), pid: Number(pid) });
  }
  return leftovers;
}

/** The names in a directory of finished files of the prefix, corrupt ones too, of any process and host, oldest first. */
export function finishedAmong(names: readonly string[], prefix: string): readonly string[] {
  const start = `${basename(prefix)}-`;
  const isFinished = (name: string): boolean =>
    name.startsWith(start) && /^\d{8}T\d{6}Z-.+-\d+-\d+\.tfrecord(\.corrupt)?$/.test(name.slice(start.length));
  return names.filter(isFinished).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

/** A host's name with only the characters that a file's name may hold. */
function safeHost(host: string): string {
  return host.replace(/[^A-Za-z0-9.-]/g, '_') || 'host';
}
