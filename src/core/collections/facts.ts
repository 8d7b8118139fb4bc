/**
 * Facts about one thing, such as a loaded version, by keys. Each key belongs to the module that names it, which alone
 * knows the type's meaning: so a thing need not know who tells something of it. Facts are read when something is loaded
 * or looked at, and not by each request.
 */
declare const VALUE: unique symbol;

/** Two keys are different, even if they have the same name. */
export interface FactKey<T> {
  /** The fact's name for people. */
  readonly name: string;
  readonly [VALUE]?: T;
}

export function factKey<T>(name: string): FactKey<T> {
  return { name };
}

export class Facts {
  readonly #values = new Map<FactKey<unknown>, unknown>();

  /** Undefined if nobody has told it. */
  get<T>(key: FactKey<T>): T | undefined {
    return this.#values.get(key) as T | undefined;
  }

  set<T>(key: FactKey<T>, value: T): void {
    this.#values.set(key, value);
  }
}
