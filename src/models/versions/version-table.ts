/**
 * The lives of one model's versions: those under way, the last of those that ended, and what requests look for, computed
 * beforehand: a request's look-up sorts and allocates nothing.
 */
import type { Servable, VersionStatus } from '../serving/servable.ts';
import type { VersionRecord } from './version-record.ts';

/** Ended lives that status still shows, one a version. */
export const KEPT_ENDED = 16;

export class VersionTable {
  readonly #living: VersionRecord[] = [];
  /** The one that ended first is first. */
  readonly #ended: VersionRecord[] = [];
  readonly #isBeside: (version: bigint) => boolean;
  #available: ReadonlyMap<bigint, Servable> = new Map();
  #latest: Servable | undefined;

  /** `isBeside`: the version is up although the policy does not want it. Its answer is looked at by refresh(). */
  constructor(isBeside: (version: bigint) => boolean) {
    this.#isBeside = isBeside;
  }

  /** In the order in which they began. */
  get living(): readonly VersionRecord[] {
    return this.#living;
  }

  /** The highest version that is available and that the policy wants, or wanted until it is replaced; else the highest. */
  get latest(): Servable | undefined {
    return this.#latest;
  }

  /** The version, if it is available. */
  available(version: bigint): Servable | undefined {
    return this.#available.get(version);
  }

  /** The life of the version that is on its way up: its first, or the one that takes the place of the one that answers. */
  rising(version: bigint): VersionRecord | undefined {
    return this.#living.find((r) => r.version === version && (r.state === 'START' || r.state === 'LOADING'));
  }

  get servables(): Iterable<Servable> {
    return this.#available.values();
  }

  /** A new life; what is kept of earlier ends of the same version goes. */
  add(record: VersionRecord): void {
    this.#living.push(record);
    this.#dropEnded(record.version);
  }

  /**
   * To be called whenever a record has become, or ceases to be, AVAILABLE, or is beside the policy or no longer: one
   * assignment is the swap.
   */
  refresh(): void {
    const available = new Map<bigint, Servable>();
    let latest: Servable | undefined;
    let latestBeside: Servable | undefined;
    // A later life of the same version takes the earlier one's place.
    for (const { state, servable, version } of this.#living) {
      if (state !== 'AVAILABLE' || servable === undefined) continue;
      available.set(version, servable);
      if (this.#isBeside(version)) latestBeside = higher(latestBeside, servable);
      else latest = higher(latest, servable);
    }
    this.#available = available;
    this.#latest = latest ?? latestBeside;
  }

  /** The record has ended. Returns whether no life of its version is left. */
  end(record: VersionRecord): boolean {
    this.#living.splice(this.#living.indexOf(record), 1);
    const isLast = !this.#living.some(({ version }) => version === record.version);
    this.#dropEnded(record.version);
    this.#ended.push(record);
    if (this.#ended.length > KEPT_ENDED) this.#ended.shift();
    return isLast;
  }

  /** One a version, highest first: the life that is available, else the newest. */
  statuses(): readonly VersionStatus[] {
    const byVersion = new Map<bigint, VersionRecord>();
    for (const record of [...this.#ended, ...this.#living]) {
      const other = byVersion.get(record.version);
      if (other?.state !== 'AVAILABLE' || record.state === 'AVAILABLE') byVersion.set(record.version, record);
    }
    return [...byVersion.values()].sort((a, b) => (a.version < b.version ? 1 : -1));
  }

  #dropEnded(version: bigint): void {
    const at = this.#ended.findIndex((ended) => ended.version === version);
    if (at !== -1) this.#ended.splice(at, 1);
  }
}

/** Of the same version, the later. */
function higher(before: Servable | undefined, servable: Servable): Servable {
  return before === undefined || servable.version >= before.version ? servable : before;
}
