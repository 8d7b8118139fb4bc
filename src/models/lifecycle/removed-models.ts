/**
 * The versions of models that are no longer configured. Their status stays, as in TensorFlow Serving: UNLOADING, then
 * END. Only the last MAX_REMOVED names are kept, since callers of a reload choose them.
 */
import type { VersionStatus } from '../serving/servable.ts';

/** The part of a lifecycle that is asked while it unloads. */
interface RetiringModel {
  readonly name: string;
  readonly statuses: readonly VersionStatus[];
}

const MAX_REMOVED = 100;

export class RemovedModels {
  /** Oldest first. */
  readonly #models = new Map<string, RetiringModel>();

  /** `retired` resolves when all versions have ended; only their states are kept then. */
  add(model: RetiringModel, retired: Promise<void>): void {
    const { name } = model;
    this.#models.delete(name);
    this.#models.set(name, model);
    const [oldest] = this.#models.keys();
    if (this.#models.size > MAX_REMOVED) this.#models.delete(oldest!);
    void retired.then(() => {
      if (this.#models.get(name) !== model) return;
      // Copies: a record may hold its servable.
      const statuses = model.statuses.map(({ version, state, error }) => ({ version, state, error }));
      this.#models.set(name, { name, statuses });
    });
  }

  /** The model is configured again. */
  forget(name: string): void {
    this.#models.delete(name);
  }

  /** Highest version first; empty for a model that is not here, or had no version. */
  statusesOf(name: string): readonly VersionStatus[] {
    return this.#models.get(name)?.statuses ?? [];
  }
}
