/**
 * Values of model versions, each made when it is first needed. Records of one version mostly come one after the other:
 * the last value is found by two comparisons.
 */
export class ByVersion<T> {
  readonly #make: (model: string, version: string) => T;
  readonly #models = new Map<string, Map<string, T>>();
  #last: { readonly model: string; readonly version: string; readonly value: T } | undefined;

  constructor(make: (model: string, version: string) => T) {
    this.#make = make;
  }

  /** The value of a version; a new one, if it has none. */
  of(model: string, version: string): T {
    const last = this.#last;
    if (last !== undefined && last.model === model && last.version === version) return last.value;
    const value = this.find(model, version) ?? this.#add(model, version);
    this.#last = { model, version, value };
    return value;
  }

  find(model: string, version: string): T | undefined {
    return this.#models.get(model)?.get(version);
  }

  /** All values, by model in the order in which they were made. */
  *values(): Iterable<T> {
    for (const versions of this.#models.values()) yield* versions.values();
  }

  forget(model: string, version: string): void {
    const versions = this.#models.get(model);
    versions?.delete(version);
    if (versions?.size === 0) this.#models.delete(model);
    this.#last = undefined;
  }

  clear(): void {
    this.#models.clear();
    this.#last = undefined;
  }

  #add(model: string, version: string): T {
    const value = this.#make(model, version);
    const versions = this.#models.get(model) ?? new Map<string, T>();
    this.#models.set(model, versions.set(version, value));
    return value;
  }
}
