/** The whole cores that runs may use, which may change while the process runs: a quota or an affinity mask does. */
export class CoreBudget {
  readonly #listeners = new Set<() => void>();
  #cores: number;

  /** `cores`: at least 1. */
  constructor(cores: number) {
    this.#cores = cores;
  }

  get cores(): number {
    return this.#cores;
  }

  /** Tells all listeners if the number is another one. */
  set cores(cores: number) {
    if (cores === this.#cores) return;
    this.#cores = cores;
    for (const listener of this.#listeners) listener();
  }

  /** Calls `listener` after each change, until the returned function is called. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
}
