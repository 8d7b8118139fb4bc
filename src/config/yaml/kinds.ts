/**
 * Types of values in configuration files, as valibot schemas. A schema's message describes the wanted value;
 * problems.ts makes a sentence of it. The metadata go into the JSON Schema (npm run gen -- schema).
 */
import * as v from 'valibot';

const MAP_WANTS = '"key: value" lines';

/** `snake_case` → `snakeCase`. */
type Camel<S> = S extends `${infer A}_${infer B}` ? `${A}${Capitalize<Camel<B>>}` : S;

export const text = (wants = 'a text') => v.string(wants);

export const nonEmptyText = v.pipe(v.string('a text'), v.nonEmpty('may not be empty'));

export const flag = v.boolean('true or false');

/** The schema of one of some words. */
export function choice<const T extends readonly string[]>(words: T): v.PicklistSchema<T, string> {
  return withRequirement(v.picklist(words, `one of ${words.join(', ')}`), words);
}

/** A whole number as a bigint, with inclusive bounds. */
export function integer(min: number | bigint, max: number | bigint) {
  const isRight = (value: unknown): boolean => typeof value === 'bigint' && value >= min && value <= max;
  const limits = { minimum: Number(min), ...(max <= Number.MAX_SAFE_INTEGER && { maximum: Number(max) }) };
  return v.pipe(
    v.custom<bigint>(isRight, `a whole number from ${min} to ${max}`),
    v.metadata({ type: 'integer', ...limits }),
  );
}

/** A version number. */
export const VERSION = integer(0, 2n ** 63n - 1n);

/** A whole number, as a number. */
export const count = (min: number, max: number) => v.pipe(integer(min, max), v.transform(Number));

/** Any number, with inclusive bounds; infinite = none. */
export function number(min: number, max: number, wants = `a number from ${min} to ${max}`) {
  const isRight = (value: unknown): boolean =>
    (typeof value === 'number' || typeof value === 'bigint') && value >= min && value <= max;
  return v.pipe(
    v.custom<number | bigint>(isRight, wants),
    v.metadata({
      type: 'number',
      ...(Number.isFinite(min) && { minimum: min }),
      ...(Number.isFinite(max) && { maximum: max }),
    }),
    v.transform(Number),
  );
}

/** A single value of any type. */
export const SCALARS = [
  v.string(),
  v.pipe(
    v.custom<number | bigint>((value) => /^(number|bigint)$/.test(typeof value)),
    v.metadata({ type: 'number' }),
  ),
  v.boolean(),
] as const;

export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A mapping with known keys. valibot's strictObject would report only one unknown key, and skip some names. */
export function fields<const T extends v.ObjectEntries>(
  entries: T,
  wants = MAP_WANTS,
): v.StrictObjectSchema<T, string> {
  const schema = v.strictObject(entries, wants);
  const known = v.object(entries, wants);
  const unknownKey = { ...known, type: 'unknown_key', requirement: Object.keys(entries) } as const;
  return ofMaps(schema, (input, dataset, config) => {
    for (const [key, value] of Object.entries(input)) {
      if (Object.hasOwn(entries, key)) continue;
      const path = [{ type: 'object', origin: 'key', input, key, value }] as const;
      v._addIssue(unknownKey as never, 'key', dataset, config, { input: value, path: [...path] as never });
    }
    return known['~run'](dataset, config);
  });
}

/** A mapping whose keys are free names. */
export function named<T extends v.GenericSchema>(
  value: T,
  wants = MAP_WANTS,
): v.GenericSchema<Record<string, v.InferInput<T>>, ReadonlyMap<string, v.InferOutput<T>>> {
  const schema = v.record(v.string(), value, wants);
  // valibot's record skips some names, such as "prototype".
  const map = v.map(v.pipe(v.string(), v.nonEmpty('may not be empty')), value);
  return ofMaps(schema, (input, _, config) => map['~run']({ value: new Map(Object.entries(input)) }, config)) as never;
}

/** One of several mappings, chosen by the value of a key. */
export function byKey<const K extends string, const T extends v.VariantOptions<K>>(
  key: K,
  words: readonly string[],
  options: T,
  wants: string,
): v.VariantSchema<K, T, string> {
  const schema = v.variant(key, options, wants);
  const wordy = withRequirement(schema, words);
  return ofMaps(schema, (_, dataset, config) => wordy['~run'](dataset, config));
}

/** The schema with a description for editors; `more` are further keys of its JSON Schema. */
export function about<T extends v.GenericSchema>(schema: T, description: string, more: object = {}): T {
  return v.pipe(schema, v.metadata({ description, ...more })) as never;
}

/** The same for a key that may be absent. */
export function optional<T extends v.GenericSchema>(schema: T, description: string, more: object = {}) {
  return v.optional(about(schema, description, more));
}

/** Shows editors one schema, and reads by another. */
export function readAs<T extends v.GenericSchema>(shown: v.GenericSchema, read: T): T {
  return { ...shown, '~run': read['~run'] } as T;
}

/** `base_path` → `basePath`, for each key. */
export function camelKeys<T extends object>(value: T): { readonly [K in keyof T as Camel<K>]: T[K] } {
  const entries = Object.entries(value).map(([key, each]) => [
    key.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
    each,
  ]);
  return Object.fromEntries(entries);
}

/**
 * A check of several keys of a mapping together; it runs even if single keys are wrong. `say` reports a problem, at a
 * key or at the mapping's start.
 */
export function together<T extends object>(
  check: (value: Partial<T>, say: (problem: string, key?: keyof T & string) => void) => void,
) {
  return v.rawCheck<T>(({ dataset, addIssue }) => {
    const value: unknown = dataset.value;
    if (!isMap(value)) return;
    check(value as Partial<T>, (message, key) => {
      if (key === undefined) addIssue({ message });
      else addIssue({ message, path: [{ type: 'object', origin: 'key', input: value, key, value: value[key] }] });
    });
  });
}

type Run = v.GenericSchema['~run'];
type Dataset = Parameters<Run>[0];
type Config = Parameters<Run>[1];

/** The schema, run by `run` for mappings. Anything else has the wrong type: for valibot, a list is an object too. */
function ofMaps<S extends v.GenericSchema>(
  schema: S,
  run: (input: Readonly<Record<string, unknown>>, dataset: Dataset, config: Config) => unknown,
): S {
  const guarded = (dataset: Dataset, config: Config): unknown => {
    if (isMap(dataset.value)) return run(dataset.value, dataset, config);
    v._addIssue(schema as never, 'type', dataset, config);
    return dataset;
  };
  return { ...schema, '~run': guarded } as S;
}

/** Sets the `requirement` of the schema's issues. */
function withRequirement<S extends v.GenericSchema>(schema: S, requirement: readonly string[]): S {
  return { ...schema, requirement };
}
