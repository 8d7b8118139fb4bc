/**
 * Reads an object of JSON field by field. Errors name the place, what is there and what is wanted; no field is passed
 * over.
 */

export interface NumberRule {
  readonly min: number;
  readonly max?: number;
  /** The value of an absent field; without a fallback the field has to be there. */
  readonly fallback?: number;
}

export class Reader {
  readonly #fields: Readonly<Record<string, unknown>>;
  readonly #seen = new Set<string>();
  readonly #source: string;
  /** The place of this object in its file, such as streams[1]; empty at the top. */
  readonly place: string;

  constructor(value: unknown, source: string, place = '') {
    this.#source = source;
    this.place = place;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new Error(`${this.#at('')} is ${show(value)}; wanted is an object`);
    }
    this.#fields = value as Readonly<Record<string, unknown>>;
  }

  text(name: string, fallback?: string): string {
    const value = this.#take(name) ?? fallback;
    if (typeof value !== 'string') throw this.wrong(name, value, 'a text');
    return value;
  }

  optionalText(name: string): string | undefined {
    return this.#fields[name] === undefined ? undefined : this.text(name);
  }

  texts(name: string): string[] {
    const value = this.#take(name) ?? [];
    if (!Array.isArray(value) || value.some((each) => typeof each !== 'string'))
      throw this.wrong(name, value, 'a list of texts');
    return value as string[];
  }

  number(name: string, { min, max = Number.MAX_VALUE, fallback }: NumberRule): number {
    const value = this.#take(name) ?? fallback;
    if (typeof value !== 'number' || !(value >= min && value <= max)) {
      throw this.wrong(
        name,
        value,
        max === Number.MAX_VALUE ? `a number from ${min} on` : `a number from ${min} to ${max}`,
      );
    }
    return value;
  }

  integer(name: string, rule: NumberRule): number {
    const value = this.number(name, rule);
    if (!Number.isInteger(value)) throw this.wrong(name, value, 'a whole number');
    return value;
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.#take(name) ?? fallback;
    if (typeof value !== 'boolean') throw this.wrong(name, value, 'true or false');
    return value;
  }

  child(name: string): Reader {
    return new Reader(this.#take(name), this.#source, this.#placeOf(name));
  }

  optional(name: string): Reader | undefined {
    return this.#fields[name] === undefined ? undefined : this.child(name);
  }

  /** Reads a list of at least one object. */
  list(name: string): Reader[] {
    const value = this.#take(name);
    if (!Array.isArray(value) || value.length === 0) throw this.wrong(name, value, 'a list of at least one object');
    return value.map((each, i) => new Reader(each, this.#source, `${this.#placeOf(name)}[${i}]`));
  }

  optionalList(name: string): Reader[] | undefined {
    return this.#fields[name] === undefined ? undefined : this.list(name);
  }

  /** Call when all was read: a field that nobody asked for is a slip of the pen. */
  finish(): void {
    const unknown = Object.keys(this.#fields).filter((name) => !this.#seen.has(name));
    if (unknown.length === 0) return;
    throw new Error(`${this.#at('')} has ${unknown.join(', ')}; known are ${[...this.#seen].join(', ')}`);
  }

  wrong(name: string, value: unknown, wanted: string): Error {
    return new Error(
      `${this.#at(name)} is ${typeof value === 'string' ? `"${value}"` : show(value)}; wanted is ${wanted}`,
    );
  }

  #take(name: string): unknown {
    this.#seen.add(name);
    return this.#fields[name];
  }

  #placeOf(name: string): string {
    return this.place === '' ? name : `${this.place}.${name}`;
  }

  #at(name: string): string {
    const place = name === '' ? this.place : this.#placeOf(name);
    return place === '' ? this.#source : `${this.#source}: ${place}`;
  }
}

function show(value: unknown): string {
  return value === undefined ? 'missing' : (JSON.stringify(value) ?? String(value)).slice(0, 80);
}
