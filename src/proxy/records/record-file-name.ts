/**
 * Names of the files of a request log:
 *
 *     <prefix>-20261125T122530Z-<host>-<pid>-<number>.tfrecord           whole
 *     <prefix>-20261125T122530Z-<host>-<pid>-<number>.tfrecord.partial   being written, or left by a process that died
 *     <prefix>-20261125T122530Z-<host>-<pid>-<number>.tfrecord.corrupt   left, and with bytes that are no records
 *
 * Host and process say whose it is: a process that starts takes up what its predecessors on its own host left, and never
 * what a live one, or one elsewhere on a shared volume, is writing.
 */
import { basename, dirname, join } from 'node:path';
import { fileTime } from '../../core/clock.ts';

export const PARTIAL = '.partial';
export const CORRUPT = '.corrupt';

/** Whose files these are. */
export interface FileOwner {
  readonly host: string;
  readonly pid: number;
}

/** The name of a whole file. `number` tells files of one second apart. */
export function recordFileName(prefix: string, wallMs: number, { host, pid }: FileOwner, number: number): string {
  return `${prefix}-${fileTime(wallMs)}-${safeHost(host)}-${pid}-${number}.tfrecord`;
}

export interface LeftoverName {
  /** With PARTIAL at its end. */
  readonly path: string;
  /** Where it goes once it is whole. */
  readonly wholePath: string;
  readonly pid: number;
}

/** Of a directory's names, those that a process on this host was writing for the prefix. */
export function leftoversAmong(names: readonly string[], prefix: string, host: string): readonly LeftoverName[] {
  const start = `${basename(prefix)}-`;
  const leftovers: LeftoverName[] = [];
  for (const name of names) {
    if (!name.startsWith(start)) continue;
    const [, whose, pid] = /^\d{8}T\d{6}Z-(.+)-(\d+)-\d+\.tfrecord\.partial$/.exec(name.slice(start.length)) ?? [];
    if (whose !== safeHost(host)) continue;
    const path = join(dirname(prefix), name);
    leftovers.push({ path, wholePath: path.slice(0, -PARTIAL.length), pid: Number(pid) });
  }
  return leftovers;
}

/** A host's name with what a file's name may hold. */
function safeHost(host: string): string {
  return host.replace(/[^A-Za-z0-9.-]/g, '_') || 'host';
}
