/** The sequences of all models. A model's outlive the versions that are unloaded for newer ones. */
import type { ModelConfig } from '../../config/model-config.ts';
import type { Clock } from '../../core/clock.ts';
import type { VersionObserver } from '../../models/lifecycle/version-observer.ts';
import type { KeptMemory } from '../../models/memory/kept-memory.ts';
import type { Servable } from '../../models/serving/servable.ts';
import { sequenceLimits } from './sequence-limits.ts';
import { SequenceTable } from './sequence-table.ts';

export interface SequenceTablesOptions {
  readonly clock: Clock;
  /** Counts the states of all models. */
  readonly kept: KeptMemory;
  /** Undefined if no model of this name is configured. */
  readonly configOf: (model: string) => ModelConfig | undefined;
}

export class SequenceTables implements VersionObserver {
  readonly #options: SequenceTablesOptions;
  /** Those that have been asked for, until their models are served no more. */
  readonly #byModel = new Map<string, SequenceTable>();

  constructor(options: SequenceTablesOptions) {
    this.#options = options;
  }

  /** The table of a configured model. */
  of(model: string): SequenceTable {
    const known = this.#byModel.get(model);
    if (known !== undefined) return known;
    const { clock, kept, configOf } = this.#options;
    const table = new SequenceTable({ model, clock, limits: () => sequenceLimits(configOf(model) ?? {}), kept });
    this.#byModel.set(model, table);
    return table;
  }

  /** The tables by model, of those that have had sequences. */
  get used(): readonly (readonly [string, SequenceTable])[] {
    return [...this.#byModel].filter(([, { counts }]) => counts.size > 0);
  }

  onReplaced(served: Servable, next: Servable): void {
    this.#byModel.get(served.name)?.replace(served, next);
  }

  onUnloadedAtOnce(servable: Servable): void {
    this.#byModel.get(servable.name)?.drop(servable);
  }

  onRetired(model: string): void {
    this.#byModel.get(model)?.close();
    this.#byModel.delete(model);
  }
}
