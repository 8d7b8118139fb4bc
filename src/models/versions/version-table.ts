/**
 * The records of one model's versions: the active ones and the last that ended. The version that requests get is
 * computed on each change, so that a request's look-up sorts and allocates nothing.
 */
import type { Servable, VersionStatus } from '../serving/servable.ts';
import type { VersionRecord } from './version-record.ts';

/** The most ended records that status still shows, one for each version. */
export const KEPT_ENDED = 16;

export class VersionTable {
  readonly #active: VersionRecord[] = [];
  /** The ended records, oldest end first. */
  readonly #ended: VersionRecord[] = [];
  readonly #isExtra: (version: bigint) => boolean;
  #available: ReadonlyMap<bigint, Servable> = new Map();
  #latest: Servable | undefined;

  /** `isExtra` says whether an operator, and not the policy, wants the version. It is called by refresh(). */
  constructor(isExtra: (version: bigint) => boolean) {
    this.#isExtra = isExtra;
  }

  /** The highest available version, extra ones only if there is no other. */
  get latest(): Servable | undefined {
    return this.#latest;
  }

  /** The active records, oldest first. */
  get active(): readonly VersionRecord[] {
    return this.#active;
  }

  /** The version's servable, if it is available. */
  available(version: bigint): Servable | undefined {
    return this.#available.get(version);
  }

  /** The version's record that waits to load or loads, even if another record of the version is available. */
  loading(version: bigint): VersionRecord | undefined {
    return this.#active.find((r) => r.version === version && (r.state === 'START' || r.state === 'LOADING'));
  }

  get servables(): Iterable<Servable> {
    return this.#available.values();
  }

  /** Adds a record and drops ended records of the same version. */
  add(record: VersionRecord): void {
    this.#active.push(record);
    this.#dropEnded(record.version);
  }

  /** Must be called when a record becomes AVAILABLE or stops to be, and when `isExtra` may have changed. */
  refresh(): void {
    const available = new Map<bigint, Servable>();
    let latest: Servable | undefined;
    let latestExtra: Servable | undefined;
    // A later record of the same version replaces the earlier one.
    for (const { state, servable, version } of this.#active) {
      if (state !== 'AVAILABLE' || servable === undefined) continue;
      available.set(version, servable);
      if (this.#isExtra(version)) latestExtra = higher(latestExtra, servable);
      else latest = higher(latest, servable);
    }
    this.#available = available;
    this.#latest = latest ?? latestExtra;
  }

  /** Moves a record to the ended ones. Returns true if its version has no active record left. */
  end(record: VersionRecord): boolean {
    this.#active.splice(this.#active.indexOf(record), 1);
    const isLast = !this.#active.some(({ version }) => version === record.version);
    this.#dropEnded(record.version);
    this.#ended.push(record);
    if (this.#ended.length > KEPT_ENDED) this.#ended.shift();
    return isLast;
  }

  /** One record for each version, highest first: the available one, else the newest. */
  statuses(): readonly VersionStatus[] {
    const byVersion = new Map<bigint, VersionRecord>();
    for (const record of [...this.#ended, ...this.#active]) {
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

/** The servable of the higher version; of two of the same version, the second. */
function higher(before: Servable | undefined, servable: Servable): Servable {
  return before === undefined || servable.version >= before.version ? servable : before;
}
