/**
 * Reads the fields of an object that a file holds, with errors that name the field: `learner.objective is missing`.
 * They are plain Errors; whoever reads the file adds its name.
 */
export class Fields {
  readonly #object: Readonly<Record<string, unknown>>;
  readonly #path: string;

  /** `path` is the place in the file; '' = its top. */
  constructor(value: unknown, path: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new Error(`${path === '' ? 'it' : path} is ${show(value)}, not an object`);
    }
    this.#object = value as Readonly<Record<string, unknown>>;
    this.#path = path;
  }

  has(key: string): boolean {
    return Object.hasOwn(this.#object, key) && this.#object[key] !== null;
  }

  /** `path` names it in errors. */
  object(key: string, path = this.#name(key)): Fields {
    return new Fields(this.#value(key), path);
  }

  /** The object at a place of a list. */
  item(key: string, index: number): Fields {
    return new Fields(this.list(key)[index], `${this.#name(key)}[${index}]`);
  }

  text(key: string): string {
    const value = this.#value(key);
    if (typeof value === 'string') return value;
    throw new Error(`${this.#name(key)} is ${show(value)}, not a text`);
  }

  /** A list, of that length if given. */
  list(key: string, length?: number): readonly unknown[] {
    const value = this.#value(key);
    if (!Array.isArray(value)) throw new Error(`${this.#name(key)} is ${show(value)}, not a list`);
    if (length === undefined || value.length === length) return value;
    throw new Error(`${this.#name(key)} has ${value.length} entries, not ${length}`);
  }

  texts(key: string): readonly string[] {
    return this.#listOf(key, 'string', 'a text') as readonly string[];
  }

  /** A list of numbers, of that length if given. */
  numbers(key: string, length?: number): readonly number[] {
    return this.#listOf(key, 'number', 'a number', length) as readonly number[];
  }

  flag(key: string): boolean {
    const value = this.#value(key);
    if (typeof value === 'boolean') return value;
    throw new Error(`${this.#name(key)} is ${show(value)}, not true or false`);
  }

  /** A number, or a text that is one: XGBoost writes parameters as texts. */
  number(key: string): number {
    const value = this.#value(key);
    const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
    if (typeof number === 'number' && !Number.isNaN(number)) return number;
    throw new Error(`${this.#name(key)} is ${show(value)}, not a number`);
  }

  /** A whole number from `min` to `max`, as `number` reads it. */
  count(key: string, min: number, max: number): number {
    const number = this.number(key);
    if (Number.isInteger(number) && number >= min && number <= max) return number;
    throw new Error(`${this.#name(key)} is ${number}; it must be a whole number from ${min} to ${max}`);
  }

  #listOf(key: string, type: string, wants: string, length?: number): readonly unknown[] {
    const list = this.list(key, length);
    const wrong = list.findIndex((each) => typeof each !== type);
    if (wrong === -1) return list;
    throw new Error(`${this.#name(key)}[${wrong}] is ${show(list[wrong])}, not ${wants}`);
  }

  #value(key: string): unknown {
    if (Object.hasOwn(this.#object, key)) return this.#object[key];
    throw new Error(`${this.#name(key)} is missing`);
  }

  #name(key: string): string {
    return this.#path === '' ? key : `${this.#path}.${key}`;
  }
}

/** The value for an error text: short, whatever it is. */
export function show(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object' && value !== null) return 'an object';
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 60)) : String(value);
}
