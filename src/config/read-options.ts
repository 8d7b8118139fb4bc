/**
 * Layers (command line, environment, files) → the options of a table. The first layer that gives an option decides.
 * Every mistake is reported, not only the first.
 */
import type { ModelKeys } from './model-key.ts';
import type { Option } from './options/option-types.ts';
import type { IgnoredFlag } from './tensorflow-flags.ts';

export type OptionTable = Readonly<Record<string, Option<unknown>>>;
export type OptionValues<T extends OptionTable> = { readonly [K in keyof T]: T[K] extends Option<infer V> ? V : never };

/** All that a configuration may say, or the part of it that features bring. */
export interface ConfigKeys {
  readonly options: OptionTable;
  /** Keys of a model. */
  readonly modelKeys: ModelKeys;
  /** Flags of other servers that are accepted, beside TensorFlow Serving's. Default: none. */
  readonly ignoredFlags?: IgnoredFlags;
  /** Features that are left out: an option or a key of theirs is an error that names them. Default: none. */
  readonly absent?: readonly AbsentFeature[] | undefined;
}

export type IgnoredFlags = Readonly<Record<string, IgnoredFlag>>;

interface AbsentFeature {
  readonly name: string;
  readonly options?: OptionTable;
  readonly modelKeys?: ModelKeys;
}

/** Says that something is a feature's which is left out; completes "--cache …". */
export function leftOut({ name }: Pick<AbsentFeature, 'name'>): string {
  return `is of the feature ${name}, which is left out of this server`;
}

/** The left-out feature that has the key of a model. */
export function absentKey({ absent = [] }: Pick<ConfigKeys, 'absent'>, key: string): AbsentFeature | undefined {
  return absent.find(({ modelKeys = [] }) =>
    modelKeys.some(({ name, flags }) => name === key || Object.hasOwn(flags, key)),
  );
}

/** The left-out feature that has the option. */
export function absentOption({ absent = [] }: Pick<ConfigKeys, 'absent'>, option: string): AbsentFeature | undefined {
  return absent.find(({ options = {} }) => Object.hasOwn(options, option));
}

/** An option as one layer gives it. */
export interface GivenOption {
  readonly texts: readonly string[];
  readonly origin: Origin;
}

/** The source of a value: `place` is "--port", "PILLION_PORT", or "pillion.yaml:3:7". */
export interface Origin {
  readonly kind: 'flag' | 'environment' | 'file' | 'default';
  readonly place: string;
}

export type OptionLayer = (name: string) => GivenOption | undefined;

const DEFAULT_ORIGIN: Origin = { kind: 'default', place: 'default' };

interface ReadOptions<T extends OptionTable> {
  /** An option with a mistake has its default. */
  readonly values: OptionValues<T>;
  readonly origins: ReadonlyMap<string, Origin>;
}

export function flagLayer(given: ReadonlyMap<string, readonly string[]>): OptionLayer {
  return (name) => {
    const texts = given.get(name);
    return texts === undefined ? undefined : { texts, origin: { kind: 'flag', place: `--${name}` } };
  };
}

/** `--port` is PILLION_PORT. */
export function environmentLayer(environment: Readonly<Record<string, string | undefined>>): OptionLayer {
  return (name) => {
    const place = `PILLION_${name.toUpperCase()}`;
    const text = environment[place];
    return text === undefined ? undefined : { texts: [text], origin: { kind: 'environment', place } };
  };
}

/** The option in the first layer that gives it. */
export function lookUp(layers: readonly OptionLayer[], name: string): GivenOption | undefined {
  for (const layer of layers) {
    const given = layer(name);
    if (given !== undefined) return given;
  }
  return undefined;
}

export function readOptions<T extends OptionTable>(
  table: T,
  layers: readonly OptionLayer[],
  errors: string[],
): ReadOptions<T> {
  const values: Record<string, unknown> = {};
  const origins = new Map<string, Origin>();
  for (const [name, option] of Object.entries(table)) {
    const given = lookUp(layers, name);
    values[name] = option.default;
    origins.set(name, given?.origin ?? DEFAULT_ORIGIN);
    if (given === undefined) continue;
    const parsed = option.parse(given.texts);
    if ('error' in parsed) errors.push(`${describeGiven(name, given)}: ${parsed.error}`);
    else values[name] = parsed.value;
  }
  return { values: values as OptionValues<T>, origins };
}

function describeGiven(name: string, { texts, origin }: GivenOption): string {
  const text = texts.at(-1) ?? '';
  return origin.kind === 'file' ? `${origin.place}: ${name}=${text}` : `${origin.place}=${text}`;
}
