/**
 * One life of a version, from START to END: its state, its servable while it is available, why it failed.
 *
 *   START ──▶ LOADING ──▶ AVAILABLE ──▶ UNLOADING ──▶ END
 *     │          ├────── aborted ──────────▲           ▲
 *     │          └────────────── failed ───────────────┤
 *     └──────── no longer wanted ──────────────────────┘
 *
 * States only move forward. A version that is loaded again gets another record.
 */
import type { Instant } from '../../core/clock.ts';
import type { ServingError } from '../../core/errors.ts';
import { type Servable, VERSION_STATES, type VersionState, type VersionStatus } from '../serving/servable.ts';
import type { FoundVersion } from './version-watch.ts';

export class VersionRecord implements VersionStatus {
  readonly version: bigint;
  readonly found: FoundVersion;
  /** The generation of the configuration that it is loaded for (ModelLifecycle). */
  readonly generation: number;
  /** Aborts its load. */
  readonly loadAbort = new AbortController();
  servable: Servable | undefined;
  error: ServingError | undefined;
  /** Why the last attempt to load it failed, if another attempt follows. */
  lastFailure: ServingError | undefined;
  #state: VersionState = 'START';
  #since: Instant;

  constructor(found: FoundVersion, generation: number, now: Instant) {
    this.version = found.version;
    this.found = found;
    this.generation = generation;
    this.#since = now;
  }

  get leftOut(): readonly string[] | undefined {
    return this.#state === 'AVAILABLE' ? this.servable?.findings.leftOut : undefined;
  }

  get state(): VersionState {
    return this.#state;
  }

  /** Returns how long the previous state lasted, in ms. Throws if `state` is not later than the present one. */
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
