import type { Facts } from '../../core/collections/facts.ts';
import type { ConfigKeys, OptionTable, OptionValues, Origin } from '../read-options.ts';
import type { TlsAtStart } from '../tls-source.ts';
import type { openYaml } from '../yaml/yaml-document.ts';
import type { LazyModelList } from './model-list.ts';
import type { ServeOptions } from './serve-options.ts';

export interface NamedOptions {
  /** The options of the kernel and of every feature. */
  readonly options: ServeOptions;
  readonly origins: ReadonlyMap<string, Origin>;
}

/** Options as they were read, for checks of several together. */
export interface GivenOptions extends NamedOptions {
  /** The TLS of gRPC, and of REST if `isRestTls`; undefined = plain text. */
  readonly tls: TlsAtStart | undefined;
  readonly isRestTls: boolean;
  /** Facts that features have read, such as files that their options name. The server's configuration has them too. */
  readonly facts: Facts;
  /** Reads YAML: every command reads what a feature checks, and only serve wants to load a parser. */
  readonly openYaml: typeof openYaml;
}

/** The options and keys that features add to the configuration. */
export interface FeatureOptions extends ConfigKeys {
  /** Other places where models may be listed. */
  readonly modelLists: readonly LazyModelList[];
  /**
   * The options, with those put in place that were given by another name. Adds a line to `errors` where both names were,
   * and names the other's origin in `origins`.
   */
  renamed(given: NamedOptions, errors: string[]): ServeOptions;
  /** Adds a line to `errors` for what may not be together. Called if each option alone is sound. */
  check(given: GivenOptions, errors: string[]): void;
  /** Lines for the log about values that do less than one might think. */
  warnings(given: GivenOptions): readonly string[];
}

/** The options of the table that were given, rather than left at their defaults. */
export function givenOf(names: readonly string[], { origins }: Pick<GivenOptions, 'origins'>): readonly Origin[] {
  return names.map((name) => origins.get(name)!).filter(({ kind }) => kind !== 'default');
}

/** The values of a feature's own options. */
export function optionsOf<T extends OptionTable>(
  { options }: Pick<GivenOptions, 'options'>,
  _table: T,
): OptionValues<T> {
  // Every option of the list's features was read into the one object (serve-config.ts).
  return options as unknown as OptionValues<T>;
}

/** Whether another feature's option is on; false where that feature is not there. */
export function isOn({ options }: Pick<GivenOptions, 'options'>, name: string): boolean {
  return (options as unknown as Readonly<Record<string, unknown>>)[name] === true;
}

/** A text that is the value of another feature's option; undefined where that feature is not there. */
export function textOf({ options }: Pick<GivenOptions, 'options'>, name: string): string | undefined {
  const value = (options as unknown as Readonly<Record<string, unknown>>)[name];
  return typeof value === 'string' ? value : undefined;
}
