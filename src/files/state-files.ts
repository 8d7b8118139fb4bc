/**
 * Small files in --state_dir that the server keeps for its next start. Each is written whole, or not at all
 * (replace-file.ts). What cannot be trusted is not read (own-file.ts).
 *
 * The directory has a bound: beyond MAX_FILES the oldest go when the first file is read or written after a start, and so
 * do drafts of processes that died.
 */
import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '../core/clock.ts';
import { OwnDirectory, type OwnDirectoryOptions } from './own-directory.ts';
import { openOwnFile } from './own-file.ts';
import { DRAFT, replaceFile } from './replace-file.ts';

const HASH_CHARS = 16;

/** The name of a model's file. The hash of `key` is a part of it: it tells whatever the content depends on. */
export function stateFileName(model: string, key: string, what?: 'batching' | 'loading' | 'known'): string {
  const hash = createHash('sha256').update(key).digest('hex').slice(0, HASH_CHARS);
  return `${encodeURIComponent(model)}-${hash}${what === undefined ? '' : `.${what}`}.json`;
}

export interface StateFilesOptions extends OwnDirectoryOptions {
  /** Made if it does not exist. */
  readonly directory: string;
  readonly clock: Clock;
}

const MAX_FILES = 1000;
const MAX_BYTES = 16 * 2 ** 20;
/** A draft that is so old is nobody's. */
const DRAFT_MS = 3600_000;
/** Only names that the server gives are ever removed. */
const OURS = /-[0-9a-f]{16}(\.batching|\.loading|\.known)?\.json(\.[0-9a-f]{16}\.draft)?$/;

export class StateFiles {
  readonly #directory: OwnDirectory;
  readonly #clock: Clock;
  #tidied: Promise<void> | undefined;

  constructor(options: StateFilesOptions) {
    this.#directory = new OwnDirectory(options.directory, options);
    this.#clock = options.clock;
  }

  /** The file's text; undefined if there is none. Rejects with the reason why it is not read. */
  async read(name: string): Promise<string | undefined> {
    const realPath = await this.#make();
    try {
      const handle = await openOwnFile(this.#directory.disk, join(realPath, name), constants.O_RDONLY);
      return await readText(handle).finally(() => handle.close());
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  /** Rejects with the reason; the file is as it was then. */
  async write(name: string, text: string): Promise<void> {
    await this.#make();
    await replaceFile(this.#directory, name, text);
  }

  /** Does nothing if there is none. Rejects with the reason why it stays. */
  async remove(name: string): Promise<void> {
    const realPath = await this.#make();
    try {
      await this.#directory.disk.unlink(join(realPath, name));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }

  async #make(): Promise<string> {
    const realPath = await this.#directory.make();
    this.#tidied ??= this.#tidy(realPath);
    await this.#tidied;
    return realPath;
  }

  async #tidy(realPath: string): Promise<void> {
    const { disk } = this.#directory;
    const files: { readonly path: string; readonly mtimeMs: number }[] = [];
    for (const name of await disk.readdir(realPath)) {
      if (!OURS.test(name)) continue;
      const path = join(realPath, name);
      const found = await disk.lstat(path).catch(() => undefined);
      if (found !== undefined) files.push({ path, mtimeMs: found.mtimeMs });
    }
    files.sort((a, b) => b.mtimeMs - a.mtimeMs);
    const draftsUntil = this.#clock.wallMs() - DRAFT_MS;
    const isOver = ({ path, mtimeMs }: (typeof files)[number], i: number): boolean =>
      i >= MAX_FILES || (path.endsWith(DRAFT) && mtimeMs < draftsUntil);
    for (const { path } of files.filter(isOver)) await disk.unlink(path).catch(() => undefined);
  }
}

async function readText(handle: FileHandle): Promise<string> {
  const { size } = await handle.stat();
  if (size > MAX_BYTES) throw new Error(`it has ${size} bytes, and at most ${MAX_BYTES} are read; remove it`);
  const bytes = Buffer.alloc(size);
  const { bytesRead } = await handle.read(bytes, 0, size, 0);
  return bytes.toString('utf8', 0, bytesRead);
}
