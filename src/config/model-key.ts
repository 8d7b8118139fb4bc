/** Keys of a model in pillion.yaml that features bring, beside those of model-config.ts. */
import * as v from 'valibot';

/** A key of the short form of a model (model-flag.ts). */
export interface FlagKey {
  /** Text → the value that YAML would have; absent = the text itself. */
  readonly read?: (text: string) => unknown;
  /** The keys of the value in a model, if they differ. */
  readonly path?: readonly [string, string];
  /** The values of the other keys in `path`'s map that it brings. Default: none. */
  readonly implied?: Readonly<Record<string, unknown>>;
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

/** Takes the findings about a model's message. `field`: a path in it, such as `logging_config.sampling_config`. */
export interface FieldFindings {
  error(field: string, reason: string): void;
  warning(field: string, text: string): void;
}

/** The field of a model in TensorFlow Serving's ModelServerConfig that has the value of a key. */
interface MessageField<T> {
  readonly name: string;
  /** `value`: as @bufbuild/protobuf decodes it. Undefined = as if the field were left out. */
  read(value: unknown, findings: FieldFindings): T | undefined;
}

/** A path that a value has the server write at. */
export interface WrittenPath {
  readonly path: string;
  /** The key that has it, for error texts. */
  readonly field: string;
  /** The option that limits it in lists of models from clients: to what lies under a directory. */
  readonly rootOption: string;
}

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
  /** The path at which the server writes because of the value. Default: it writes nowhere. */
  writes?(value: T): WrittenPath;
  /** Default: TensorFlow Serving's file of models has no such key. */
  readonly message?: MessageField<T>;
  /** Its value as pillion.yaml has it, for people. Default: the value with the keys of pillion.yaml. */
  show?(value: T): unknown;
  /** The part of its value that a load depends on. Default: all of it. */
  loaded?(value: T): unknown;
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
  readonly message: MessageField<T> | undefined;
  readonly #spec: ModelKeySpec<T>;

  constructor(spec: ModelKeySpec<T>) {
    this.name = spec.name;
    this.schema = spec.schema;
    this.help = spec.help;
    this.flags = spec.flags ?? {};
    this.isReadLate = spec.isReadLate ?? false;
    this.check = spec.check;
    this.message = spec.message;
    this.#spec = spec;
  }

  /** Its value in a model, for people; undefined if the model's configuration leaves it out. */
  shown(model: KeyedModel): unknown {
    const value = this.of(model);
    return value === undefined || this.#spec.show === undefined ? value : this.#spec.show(value);
  }

  /** The part of its value that a load depends on. */
  loaded(value: unknown): unknown {
    return this.#spec.loaded === undefined ? value : this.#spec.loaded(value as T);
  }

  /** The runtime that a model names by it; undefined = none. */
  backendOf(model: KeyedModel): string | undefined {
    const value = this.of(model);
    return value === undefined ? undefined : this.#spec.namesBackend?.(value);
  }

  /** The path at which the server writes because of it; undefined = it writes nowhere. */
  writtenBy(model: KeyedModel): WrittenPath | undefined {
    const value = this.of(model);
    return value === undefined ? undefined : this.#spec.writes?.(value);
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
