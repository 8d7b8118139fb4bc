import { type CounterSeries, counterFamily, type Family, type Labels, type MetricSnapshot } from './series.ts';

/** A family that can be read at a scrape. */
export interface ReadFamily {
  readonly name: string;
  get(): Promise<MetricSnapshot>;
  /** Removes every series whose labels match. Absent: all are read elsewhere. */
  removeWhere?(matches: (labels: Labels) => boolean): void;
}

/** The metrics of one server, in the order in which they were registered. */
export class Registry {
  readonly #families = new Map<string, ReadFamily>();

  /** Throws an Error if the name is taken. */
  register(...families: readonly ReadFamily[]): void {
    for (const family of families) {
      if (this.#families.has(family.name)) throw new Error(`a metric ${family.name} is registered already`);
      this.#families.set(family.name, family);
    }
  }

  /** Registers a counter; `name` ends in `_total`. Throws an Error if the name is taken. */
  counter(name: string, help: string): Family<CounterSeries> {
    const family = counterFamily(name, help);
    this.register(family);
    return family;
  }

  removeWhere(matches: (labels: Labels) => boolean): void {
    for (const family of this.#families.values()) family.removeWhere?.(matches);
  }

  find(name: string): ReadFamily | undefined {
    return this.#families.get(name);
  }

  /** The families in the order in which they were registered. */
  families(): Iterable<ReadFamily> {
    return this.#families.values();
  }
}
