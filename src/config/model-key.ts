/** Keys of a model in pillion.yaml that features bring, beside those of model-config.ts. */
import * as v from 'valibot';

/** A key of the short form of a model (model-flag.ts). */
export interface FlagKey {
  /** Text → the value that YAML would have; absent = the text itself. */
  readonly read?: (text: string) => unknown;
  /** The keys of the value in a model, if they differ. */
  readonly path?: readonly [string, string];
  /** A key that must stand beside it, and what is told where that is missing. Default: none must. */
  readonly beside?: { readonly key: string; readonly error: string };
  /** The key with its value in --help. Default: the key. */
  readonly help?: string;
  /** Completes "wants …", if the schema's text does not fit a command line. */
  readonly wants?: string;
}

/** A model's configuration (model-config.ts). */
interface KeyedModel {
  readonly featureKeys?: ModelKeyValues | undefined;
}

/** A model as far as its keys are right. */
export interface CheckedModel extends KeyedModel {
  readonly name: string;
}

type CheckModels = <T extends CheckedModel>(models: readonly T[], fail: (model: T, problem: string) => void) => void;

interface ModelKeySpec<T> {
  /** Its name in pillion.yaml. */
  readonly name: string;
  /** Its value in pillion.yaml → its value here. */
  readonly schema: v.GenericSchema<unknown, T>;
  /** The purpose of the key, in one sentence, for editors. */
  readonly help: string;
  /** The keys that --model has for it. Default: none. */
  readonly flags?: Readonly<Record<string, FlagKey>>;
  /** Reports mistakes that only all models together show. Default: there are none. */
  readonly check?: CheckModels;
  /** A runtime that the value names. Default: it names none. */
  namesBackend?(value: T): string;
  /** Its value as pillion.yaml has it, for people. Default: the value with the keys of pillion.yaml. */
  show?(value: T): unknown;
  /** Versions need not be loaded again when it changes. Default: they are. */
  readonly isReadLate?: boolean;
}

/** A key, which is also how the feature reads its value. */
export class ModelKey<T> {
  readonly name: string;
  readonly schema: v.GenericSchema<unknown, T>;
  readonly help: string;
  readonly flags: Readonly<Record<string, FlagKey>>;
  readonly isReadLate: boolean;
  readonly check: CheckModels | undefined;
  readonly #spec: ModelKeySpec<T>;

  constructor(spec: ModelKeySpec<T>) {
    this.name = spec.name;
    this.schema = spec.schema;
    this.help = spec.help;
    this.flags = spec.flags ?? {};
    this.isReadLate = spec.isReadLate ?? false;
    this.check = spec.check;
    this.#spec = spec;
  }

  /** Its value in a model, for people; undefined if the model's configuration leaves it out. */
  shown(model: KeyedModel): unknown {
    const value = this.of(model);
    return value === undefined || this.#spec.show === undefined ? value : this.#spec.show(value);
  }

  /** The runtime that a model names by it; undefined = none. */
  backendOf(model: KeyedModel): string | undefined {
    const value = this.of(model);
    return value === undefined ? undefined : this.#spec.namesBackend?.(value);
  }

  /** Its value; undefined if the model's configuration leaves it out. */
  of({ featureKeys }: KeyedModel): T | undefined {
    return featureKeys?.get(this) as T | undefined;
  }
}

export type ModelKeys = readonly ModelKey<unknown>[];

/** Values by their keys. */
export type ModelKeyValues = ReadonlyMap<ModelKey<unknown>, unknown>;

/** A model's entry without these keys, and their values; undefined if there are none. */
export function splitKeys<T extends object>(keys: ModelKeys, entry: T): readonly [T, ModelKeyValues | undefined] {
  const rest = { ...entry } as Record<string, unknown>;
  const values = new Map<ModelKey<unknown>, unknown>();
  for (const key of keys) {
    if (rest[key.name] !== undefined) values.set(key, rest[key.name]);
    delete rest[key.name];
  }
  return [rest as T, values.size === 0 ? undefined : values];
}

/** The value of a key, given as pillion.yaml would have it; undefined if no feature has the key. */
export function readKey(keys: ModelKeys, name: string, value: unknown): ModelKeyValues | undefined {
  const key = keys.find((each) => each.name === name);
  return key && new Map([[key, v.parse(key.schema, value)]]);
}
