/**
 * One life of a version, as the manager knows it: its state, the servable while it is up, why it failed.
 *
 *   START ──▶ LOADING ──▶ AVAILABLE ──▶ UNLOADING ──▶ END
 *     │          ├────── given up ─────────▲           ▲
 *     │          └────────────── failed ───────────────┤
 *     └──────── no longer wanted ──────────────────────┘
 *
 * States only move forward. AVAILABLE is set after requests can reach the version, UNLOADING before they no longer can. A
 * version that comes back after its END gets another record.
 */
import type { Instant } from '../../core/clock.ts';
import type { ServingError } from '../../core/errors.ts';
import { type Servable, VERSION_STATES, type VersionState, type VersionStatus } from '../serving/servable.ts';
import type { FoundVersion } from './version-watch.ts';

export class VersionRecord implements VersionStatus {
  readonly version: bigint;
  readonly found: FoundVersion;
  /** Of the configuration that it is loaded for. */
  readonly generation: number;
  /** Gives up its load. */
  readonly abandon = new AbortController();
  servable: Servable | undefined;
  error: ServingError | undefined;
  /** Why the last attempt to load it failed, while there will be another. */
  lastFailure: ServingError | undefined;
  #state: VersionState = 'START';
  #since: Instant;

  constructor(found: FoundVersion, generation: number, now: Instant) {
    this.version = found.version;
    this.found = found;
    this.generation = generation;
    this.#since = now;
  }

  get state(): VersionState {
    return this.#state;
  }

  /** Returns how long the state before lasted, in ms. */
  moveTo(state: VersionState, now: Instant): number {
    if (VERSION_STATES[state] <= VERSION_STATES[this.#state]) {
      throw new Error(`version ${this.version} cannot go from ${this.#state} back to ${state}`);
    }
    const lastedMs = now - this.#since;
    this.#state = state;
    this.#since = now;
    return lastedMs;
  }
}
