/**
 * The regions of shared memory that clients have registered, by name. One for the whole server: all surfaces and
 * protocols read it on the event loop.
 *
 * Each region keeps one file open, and a client chooses their names, so both have bounds.
 */
import { realpath } from 'node:fs/promises';
import { invalidRequest, ServingError } from '../../core/errors.ts';
import { cutName, quoteName } from '../../core/list-names.ts';
import { type Disk, systemDisk } from '../../files/disk.ts';
import { Region, type RegionDescription } from './region.ts';
import { openRegionFile } from './region-file.ts';

/** Two for each of 128 concurrent requests: an input and an output. */
export const MAX_REGIONS = 256;
/** The longest name of a region, in characters. */
export const MAX_REGION_NAME = 255;

const ROOT = '/dev/shm';

export interface RegionStoreOptions {
  readonly disk?: Disk;
  /** The directory with the files of regions. Default /dev/shm. */
  readonly root?: string;
}

export class RegionStore {
  readonly #disk: Disk;
  readonly #root: string;
  readonly #regions = new Map<string, Region>();
  /** Names that are being registered. */
  readonly #opening = new Set<string>();
  #isClosed = false;

  constructor({ disk = systemDisk, root = ROOT }: RegionStoreOptions = {}) {
    this.#disk = disk;
    this.#root = root;
  }

  /** Rejects with ServingError (invalid_request, region_exists, too_large); nothing is kept open then. */
  async register(wanted: RegionDescription): Promise<void> {
    const { name } = wanted;
    this.#checkNew(wanted);
    this.#opening.add(name);
    try {
      // /dev/shm itself is a link of root's on some systems.
      const root = await realpath(this.#root).catch(() => this.#root);
      const region = new Region(wanted, await openRegionFile(this.#disk, root, wanted));
      if (this.#isClosed) region.release();
      else this.#regions.set(name, region);
    } finally {
      this.#opening.delete(name);
    }
  }

  /** A region of this name need not be there. Requests that use it keep it until they end. */
  unregister(name: string): void {
    this.#regions.get(name)?.release();
    this.#regions.delete(name);
  }

  unregisterAll(): void {
    for (const name of [...this.#regions.keys()]) this.unregister(name);
  }

  /** All regions, in the order of their registration; with a name that one. Throws `region_not_found`. */
  list(name = ''): readonly RegionDescription[] {
    return name === '' ? [...this.#regions.values()] : [this.find(name)];
  }

  /** Throws `region_not_found`. */
  find(name: string): Region {
    const region = this.#regions.get(name);
    if (region !== undefined) return region;
    const text = `Unable to find shared memory region: '${cutName(name)}'; register it first`;
    throw new ServingError('region_not_found', text);
  }

  /** Closes all files that no request uses, and takes no more regions, at the server's end. */
  close(): void {
    this.#isClosed = true;
    this.unregisterAll();
  }

  #checkNew({ name, offset, byteSize }: RegionDescription): void {
    if (name === '' || name.length > MAX_REGION_NAME) {
      throw invalidRequest(
        `a shared memory region has a name of 1 to ${MAX_REGION_NAME} characters; send another name`,
      );
    }
    if (!(Number.isSafeInteger(offset) && Number.isSafeInteger(byteSize) && offset >= 0 && byteSize > 0)) {
      throw invalidRequest(
        `failed to register shared memory region ${quoteName(name)}: offset ${offset}, byte_size ${byteSize}; send an ` +
          'offset of 0 or more and a byte_size above 0, within the file',
      );
    }
    if (this.#regions.has(name) || this.#opening.has(name)) {
      const text = `shared memory region '${cutName(name)}' already in manager; unregister it first`;
      throw new ServingError('region_exists', text);
    }
    if (this.#regions.size + this.#opening.size < MAX_REGIONS) return;
    const text = `there are ${MAX_REGIONS} shared memory regions, and no more are taken`;
    throw new ServingError('too_large', `${text}; unregister some, or use one region at several offsets`);
  }
}
