/**
 * Layers (command line, environment, files) → options, by a table of them. The first layer that gives an option decides.
 * Every mistake is reported, not only the first.
 */
import type { Option } from './option-types.ts';

export type OptionTable = Readonly<Record<string, Option<unknown>>>;
export type OptionValues<T extends OptionTable> = { readonly [K in keyof T]: T[K] extends Option<infer V> ? V : never };

/** What one layer says of an option. */
export interface GivenOption {
  readonly texts: readonly string[];
  readonly origin: Origin;
}

/** Where a value came from, for people: `place` is "--port", "PILLION_PORT", or "pillion.yaml:3:7". */
export interface Origin {
  readonly kind: 'flag' | 'environment' | 'file' | 'default';
  readonly place: string;
}

export type OptionLayer = (name: string) => GivenOption | undefined;

export const DEFAULT_ORIGIN: Origin = { kind: 'default', place: 'default' };

export interface ReadOptions<T extends OptionTable> {
  /** Options with a mistake have their default. */
  readonly values: OptionValues<T>;
  readonly origins: ReadonlyMap<string, Origin>;
}

/** `--port` → PILLION_PORT. */
export function environmentName(option: string): string {
  return `PILLION_${option.toUpperCase()}`;
}

export function flagLayer(given: ReadonlyMap<string, readonly string[]>): OptionLayer {
  return (name) => {
    const texts = given.get(name);
    return texts === undefined ? undefined : { texts, origin: { kind: 'flag', place: `--${name}` } };
  };
}

export function environmentLayer(environment: Readonly<Record<string, string | undefined>>): OptionLayer {
  return (name) => {
    const place = environmentName(name);
    const text = environment[place];
    return text === undefined ? undefined : { texts: [text], origin: { kind: 'environment', place } };
  };
}

/** What the first of the layers says that says anything. */
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
  const text = texts[texts.length - 1] ?? '';
  return origin.kind === 'file' ? `${origin.place}: ${name}=${text}` : `${origin.place}=${text}`;
}
