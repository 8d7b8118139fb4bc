/**
 * One version's life as the manager knows it: its state, the servable while it is up, why it failed.
 *
 *   START ──▶ LOADING ──▶ AVAILABLE ──▶ UNLOADING ──▶ END
 *                └────────────── failed ───────────────▲
 *
 * States only move forward. AVAILABLE is set after requests can reach the version, UNLOADING before they no longer can.
 */
import type { ServingError } from '../core/errors.ts';
import { type Servable, VERSION_STATES, type VersionState, type VersionStatus } from './servable.ts';

export class VersionRecord implements VersionStatus {
  readonly version: bigint;
  servable: Servable | undefined;
  error: ServingError | undefined;
  #state: VersionState = 'START';

  constructor(version: bigint) {
    this.version = version;
  }

  get state(): VersionState {
    return this.#state;
  }

  moveTo(state: VersionState): void {
    if (VERSION_STATES[state] <= VERSION_STATES[this.#state]) {
      throw new Error(`version ${this.version} cannot go from ${this.#state} back to ${state}`);
    }
    this.#state = state;
  }
}
