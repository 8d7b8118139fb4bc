/**
 * A directory that the server writes into. It may be under a directory where others may write, so before each use:
 *
 * - its real path must be the one of its first use: it was not replaced by a link;
 * - links on the way to it must belong to root or to this process's user;
 * - its disk must have room: a pod that fills its disk is evicted.
 *
 * A directory that is made here is for the owner alone. One that exists is left as it is.
 */
import { constants } from 'node:fs';
import { dirname, resolve } from 'node:path';
import process from 'node:process';
import { type Disk, systemDisk } from './disk.ts';
import { makeDirectory } from './make-directory.ts';
import { fileError } from './own-file.ts';

export interface OwnDirectoryOptions {
  readonly disk?: Disk;
  /** Permissions if it is made. */
  readonly mode?: number;
  /** The share of the disk that stays free, in percent. Default 0. */
  readonly minFreePercent?: number;
}

const DIRECTORY_MODE = 0o700;
const MIB = 2 ** 20;

export class OwnDirectory {
  readonly path: string;
  readonly disk: Disk;
  readonly #mode: number;
  readonly #minFreePercent: number;
  #realPath: string | undefined;

  constructor(
    path: string,
    { disk = systemDisk, mode = DIRECTORY_MODE, minFreePercent = 0 }: OwnDirectoryOptions = {},
  ) {
    this.path = resolve(path);
    this.disk = disk;
    this.#mode = mode;
    this.#minFreePercent = minFreePercent;
  }

  /** The directory's real path. Rejects with ENOENT if there is none, and if it is not where it was. */
  async find(): Promise<string> {
    const realPath = await this.disk.realpath(this.path);
    await this.#refuseLinksOfOthers();
    this.#realPath ??= realPath;
    if (realPath === this.#realPath) return realPath;
    const text = `${this.path} leads to ${realPath} now, and led to ${this.#realPath}; restart the server to follow`;
    throw fileError(this.path, text);
  }

  /** Like `find`; makes the directory if there is none. */
  async make(): Promise<string> {
    await makeDirectory(this.path, { disk: this.disk, mode: this.#mode });
    return this.find();
  }

  /** Rejects with the code ENOSPC if the disk is nearly full. */
  async requireRoom(): Promise<void> {
    if (this.#minFreePercent === 0) return;
    const { bavail, blocks, bsize } = await this.disk.statfs(this.path);
    const floor = (blocks * this.#minFreePercent) / 100;
    if (bavail >= floor) return;
    const mib = (count: number): number => Math.floor((count * bsize) / MIB);
    const text =
      `the disk of ${this.path} has ${mib(bavail)} MiB left, and ${this.#minFreePercent} % of it (${mib(floor)} MiB) ` +
      'stay free; delete files, or lower --min_free_disk_percent';
    throw fileError(this.path, text, 'ENOSPC');
  }

  /** Names that were made, changed or removed in it are on the disk from then on. */
  async sync(): Promise<void> {
    const handle = await this.disk.open(await this.find(), constants.O_RDONLY | constants.O_DIRECTORY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  async #refuseLinksOfOthers(): Promise<void> {
    const trusted = [0, process.geteuid?.() ?? 0];
    for (let each = this.path; each !== dirname(each); each = dirname(each)) {
      const found = await this.disk.lstat(each);
      if (!found.isSymbolicLink() || trusted.includes(found.uid)) continue;
      const text = `${each} is a link of the user ${found.uid}, which ${this.path} must not follow; remove it`;
      throw fileError(this.path, text);
    }
  }
}
