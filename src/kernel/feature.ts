/**
 * A feature is something that a server can do beside answering a Predict: one folder, mostly below src/features/, which
 * installs itself. src/pillion.ts lists them all. Nothing else imports from a feature's folder, but the feature itself
 * and those that require it; so one can be deleted with its line there.
 *
 *   options.ts   its options; like feature.ts it is read by every command, so it imports little
 *   feature.ts   what it is
 *   install.ts   imported when a server starts: puts its parts where the seams of installation.ts take them
 */

import type { ModelReport } from '../admin/models-report.ts';
import type { InstalledBackend } from '../backends/backend.ts';
import { Backends } from '../backends/backends.ts';
import type { NativeLibraries } from '../backends/native-steps.ts';
import type { ModelKeys } from '../config/model-key.ts';
import type { FeatureOptions, GivenOptions, NamedOptions } from '../config/options/feature-options.ts';
import type { LazyModelList } from '../config/options/model-list.ts';
import type { ServeOptions } from '../config/options/serve-options.ts';
import { type IgnoredFlags, leftOut, type OptionTable } from '../config/read-options.ts';
import type { FileKey, FileKeys } from '../models/model-file/file-key.ts';
import type { Command, ServeAs } from './command.ts';
import type { Installation } from './installation.ts';

export interface Feature {
  /** Its folder's name. */
  readonly name: string;
  /** Its options of `pillion serve`, and keys of pillion.yaml. `optionsOf` reads their values. */
  readonly options?: OptionTable;
  /** Flags of another server that it accepts though they mean nothing. */
  readonly ignoredFlags?: IgnoredFlags;
  /** Another place where models may be listed. */
  readonly modelList?: LazyModelList;
  /** Its keys of a model in pillion.yaml, and of --model. A key reads its own value: `KEY.of(model)`. */
  readonly modelKeys?: ModelKeys;
  /** Its keys of the pillion.yaml beside a model. */
  readonly fileKeys?: readonly FileKey<unknown>[];
  /** Its runtimes, the cheapest to load first. */
  readonly backends?: readonly InstalledBackend[];
  /** Libraries that `pillion natives` fetches for it. */
  readonly natives?: readonly NativeLibraries[];
  /** Puts options that were given by its names in the place of others, as FeatureOptions says. */
  renamed?(given: NamedOptions, errors: string[]): ServeOptions;
  /** Checks the given options together, as FeatureOptions says. */
  check?(given: GivenOptions, errors: string[]): void;
  /** Lines for the log about its options, as FeatureOptions says. */
  warnings?(given: GivenOptions): readonly string[];
  /** A sentence of `pillion status` about a model, of what the feature tells in its report. Undefined = there is none. */
  modelNote?(model: ModelReport): string | undefined;
  /** Its commands of `pillion`, beside the kernel's own. */
  readonly commands?: readonly Command[];
  /** Another name of `pillion serve`. */
  readonly serveAs?: ServeAs;
  /**
   * Imports what the feature needs, and installs it in a server that starts. It adds nothing where its options say that
   * it is off, so that no request pays for it. Throws an Error whose text says what to mend if the server cannot start.
   */
  install?(server: Installation): void | Promise<void>;
}

/** A line of the list. */
export interface ListedFeature {
  readonly feature: Feature;
  /** A clause that says what it adds, for people who choose features. */
  readonly adds: string;
  /** Names of features before it in the list, without which it has no meaning. */
  readonly requires?: readonly string[];
}

/** Features in the order in which they install. */
export class FeatureList implements FeatureOptions {
  readonly features: readonly Feature[];
  /** The options of all features. */
  readonly options: OptionTable;
  readonly ignoredFlags: IgnoredFlags;
  readonly modelLists: readonly LazyModelList[];
  readonly modelKeys: ModelKeys;
  readonly commands: readonly Command[];
  /** The features that `without` has taken out. */
  readonly absent: readonly Feature[];
  readonly backends: Backends;
  /** Keys of the pillion.yaml beside a model; those of absent features are there, and refused by their names. */
  readonly fileKeys: FileKeys;
  readonly #lines: readonly ListedFeature[];

  /** Throws an Error if a name is there twice, or a required one does not stand before. */
  constructor(lines: readonly ListedFeature[], absent: readonly Feature[] = []) {
    const names = new Set<string>();
    for (const { feature, requires = [] } of lines) {
      const { name } = feature;
      if (names.has(name)) throw new Error(`feature ${name} is listed twice`);
      const lacking = requires.filter((required) => !names.has(required));
      if (lacking.length > 0) throw new Error(`feature ${name} requires ${lacking.join(', ')}, listed before it`);
      names.add(name);
    }
    this.#lines = lines;
    this.features = lines.map(({ feature }) => feature);
    this.options = Object.assign({}, ...this.features.map(({ options }) => options));
    this.ignoredFlags = Object.assign({}, ...this.features.map(({ ignoredFlags }) => ignoredFlags));
    this.modelLists = this.features.flatMap(({ modelList = [] }) => modelList);
    const refused = ({ name, fileKeys = [] }: Feature) => fileKeys.map((key) => key.refused(leftOut({ name })));
    this.backends = new Backends(
      this.features.flatMap(({ backends = [] }) => backends),
      absent,
    );
    this.fileKeys = {
      keys: [...this.features.flatMap(({ fileKeys = [] }) => fileKeys), ...absent.flatMap(refused)],
      runtimes: this.backends.kinds,
    };
    this.modelKeys = this.features.flatMap(({ modelKeys = [] }) => modelKeys);
    this.commands = this.features.flatMap(({ commands = [] }) => commands);
    this.absent = absent;
  }

  /** Sentences of `pillion status` about a model. */
  modelNotes(model: ModelReport): readonly string[] {
    const notes = this.features.map(({ modelNote }) => modelNote?.(model));
    return notes.filter((note) => note !== undefined);
  }

  /** Imports what features need to read a configuration; what is not there by then is loaded when it is read. */
  async load(): Promise<void> {
    await Promise.all(this.modelLists.map((list) => list.load()));
  }

  renamed(given: NamedOptions, errors: string[]): ServeOptions {
    return this.features.reduce(
      (options, feature) => feature.renamed?.({ ...given, options }, errors) ?? options,
      given.options,
    );
  }

  check(given: GivenOptions, errors: string[]): void {
    for (const feature of this.features) feature.check?.(given, errors);
  }

  warnings(given: GivenOptions): readonly string[] {
    return this.features.flatMap((feature) => feature.warnings?.(given) ?? []);
  }

  /** The list without these, and without the features that require them. */
  without(...names: readonly string[]): FeatureList {
    const gone = new Set(names);
    const left = this.#lines.filter(({ feature, requires = [] }) => {
      if (requires.some((required) => gone.has(required))) gone.add(feature.name);
      return !gone.has(feature.name);
    });
    const absent = this.features.filter(({ name }) => gone.has(name));
    return new FeatureList(left, [...this.absent, ...absent]);
  }
}
