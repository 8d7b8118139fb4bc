/**
 * The operations of Triton's model repositories above the ModelManager: an index, and loads and unloads of models by
 * name. Names are looked up in the repositories of the command line; a peer never names a path.
 *
 *   load, unload ──▶ one at a time for each name ──▶ read NAME/config.pbtxt anew ──▶ ModelManager.put, remove
 *   poll         ──▶ all repositories            ──▶ what has come, changed or gone ──┘
 */
import { isDeepStrictEqual } from 'node:util';
import type { ModelConfig, ModelDefaults } from '../../../config/model-config.ts';
import type { Clock } from '../../../core/clock.ts';
import { factKey } from '../../../core/collections/facts.ts';
import { ServingError, toServingError } from '../../../core/errors.ts';
import { cutName, quoteName } from '../../../core/list-names.ts';
import { Poller } from '../../../core/poller.ts';
import type { ModelManager } from '../../../models/lifecycle/model-manager.ts';
import type { VersionState, VersionStatus } from '../../../models/serving/servable.ts';
import { ensembleParts } from '../config/ensemble-parts.ts';
import { loadRepositories, loadRepositoryModel, repositoryNames } from '../config/read-repository.ts';
import { TRITON } from '../config/triton-model.ts';

/** Triton's states of a version. */
export type RepositoryState = 'READY' | 'UNAVAILABLE' | 'LOADING' | 'UNLOADING';

export interface RepositoryIndexEntry {
  readonly name: string;
  /** Undefined if the model has had no version: it was never loaded. */
  readonly version: bigint | undefined;
  /** Undefined if the model was never loaded. */
  readonly state: RepositoryState | undefined;
  /** Why it is unavailable, or what its load waits for; '' = nothing is wrong. */
  readonly reason: string;
}

export interface UnloadOptions {
  /** True: the models of an ensemble are unloaded too, unless another ensemble that is loaded needs them. */
  readonly unloadDependents?: boolean;
  /** Returns false for a model that the caller may not unload: it stays. Default: all may be unloaded. */
  readonly mayUnload?: (model: string) => boolean;
}

/** Events for the log. */
export interface RepositoryEvents {
  /** Something in a model's file has no effect, or a repository cannot be read. Once for each text. */
  onWarning(text: string): void;
  /** A load that a poll began has failed. */
  onFailed(model: string, error: unknown): void;
}

export type RepositoryMode = 'none' | 'poll' | 'explicit';

export interface ModelRepositoryOptions {
  readonly directories: readonly string[];
  readonly mode: RepositoryMode;
  readonly pollMs: number;
  /** The models that the start loads by name. */
  readonly named: readonly string[];
  /** Warnings that are in the log already. */
  readonly warned: readonly string[];
  readonly defaults: ModelDefaults;
  readonly manager: Pick<
    ModelManager,
    'put' | 'remove' | 'modelNames' | 'configOf' | 'statusesOf' | 'reasonOf' | 'loadOf'
  >;
  readonly clock: Clock;
  readonly events: RepositoryEvents;
}

/** Triton's names. */
export const REPOSITORY_STATES: Readonly<Record<VersionState, RepositoryState>> = {
  UNKNOWN: 'UNAVAILABLE',
  START: 'LOADING',
  LOADING: 'LOADING',
  AVAILABLE: 'READY',
  UNLOADING: 'UNLOADING',
  END: 'UNAVAILABLE',
};

/** The repositories of a server that serves some. */
export const REPOSITORY = factKey<ModelRepository>('model repository');

export class ModelRepository {
  readonly #options: ModelRepositoryOptions;
  readonly #poller: Poller;
  /** The last operation on each name; the next one waits for it. */
  readonly #turns = new Map<string, Promise<void>>();
  readonly #warned: Set<string>;
  /** The models that were loaded by name, and not for an ensemble alone. */
  readonly #byName: Set<string>;
  /** Models that the last poll found changed. */
  #seen = new Map<string, ModelConfig>();

  constructor(options: ModelRepositoryOptions) {
    this.#options = options;
    const { clock, warned, mode, pollMs, named } = options;
    this.#byName = new Set(named);
    this.#warned = new Set(warned);
    this.#poller = new Poller({
      clock,
      intervalMs: mode === 'poll' ? pollMs : -1,
      poll: () => this.poll(),
    });
  }

  /** Begins to poll, in the mode `poll`. */
  start(): void {
    this.#poller.start();
  }

  stop(): void {
    this.#poller.close();
  }

  get mode(): RepositoryMode {
    return this.#options.mode;
  }

  /** All models of the repositories, and those that are still loaded; one entry for each version. */
  async index(): Promise<readonly RepositoryIndexEntry[]> {
    const { directories, manager } = this.#options;
    const names = new Set([...(await repositoryNames(directories)), ...manager.modelNames]);
    return [...names].sort().flatMap((name) => this.#entriesOf(name));
  }

  /**
   * Loads a model, or loads it anew if its files have changed; of an ensemble also its parts. Resolves when its versions
   * are available, with the names of the parts that were loaded. Rejects with `load_failed` or `model_not_found`.
   */
  load(name: string): Promise<readonly string[]> {
    return this.#load(name, true);
  }

  #load(name: string, isByName: boolean): Promise<readonly string[]> {
    return this.#inTurn(name, async () => {
      const { directories, defaults, manager } = this.#options;
      const found = await loadRepositoryModel(directories, name, defaults);
      if (found === undefined) throw unknown(name);
      if (isByName) this.#byName.add(name);
      for (const warning of found.warnings) this.#warn(warning);
      const parts = TRITON.of(found.model)?.ensemble === undefined ? [] : await this.#loadParts(name);
      try {
        await manager.put(found.model);
      } catch (thrown) {
        throw loadFailed(name, toServingError(thrown));
      }
      return parts;
    });
  }

  /** The models of an ensemble that are not loaded. Others wait for nobody: a circle is refused before it. */
  async #loadParts(name: string): Promise<readonly string[]> {
    const { directories, defaults, manager } = this.#options;
    const { models } = await loadRepositories(directories, defaults);
    const found = new Map(models.map(({ model }) => [model.name, model]));
    const parts = ensembleParts(name, (each) => found.get(each));
    // Its own load says so.
    if (parts.has(name)) return [];
    const missing = [...parts].filter((part) => found.has(part) && manager.configOf(part) === undefined);
    await Promise.all(missing.map((part) => this.#load(part, false)));
    return missing;
  }

  /**
   * Unloads a model: new requests find it no more when this resolves, and those that have it go on. One that is not
   * loaded is as it should be. Resolves with the names of the parts that were unloaded with it: those that were not
   * loaded by name. Rejects with `model_not_found` for a name that no repository has.
   */
  unload(
    name: string,
    { unloadDependents = false, mayUnload = () => true }: UnloadOptions = {},
  ): Promise<readonly string[]> {
    return this.#inTurn(name, async () => {
      const { manager, directories } = this.#options;
      const parts = unloadDependents ? this.#partsOf(name) : [];
      this.#byName.delete(name);
      if (!manager.remove(name) && !(await repositoryNames(directories)).includes(name)) throw unknown(name);
      const mayGo = (part: string): boolean => !this.#byName.has(part) && mayUnload(part) && !this.#isNeeded(part);
      return parts.filter((part) => mayGo(part) && manager.remove(part));
    });
  }

  /**
   * Finds what has come, changed or gone. A change counts once two polls in a row find it the same: a file may be half
   * written. Returns whether to poll again soon. Never rejects.
   */
  async poll(): Promise<boolean> {
    const { directories, defaults, manager } = this.#options;
    const { models, problems, unreadable } = await loadRepositories(directories, defaults);
    for (const problem of [...unreadable, ...problems]) this.#warn(problem);
    const before = this.#seen;
    this.#seen = new Map();
    for (const { model, warnings } of models) {
      if (isDeepStrictEqual(manager.configOf(model.name), model)) continue;
      if (!isDeepStrictEqual(before.get(model.name), model)) {
        this.#seen.set(model.name, model);
        continue;
      }
      for (const warning of warnings) this.#warn(warning);
      // A load may take long: the next poll does not wait for it.
      void this.#apply(model.name, () => manager.put(model));
    }
    const found = new Set(models.map(({ model }) => model.name));
    // A repository that cannot be read, such as a network file system's, has lost no model.
    const gone = unreadable.length > 0 ? [] : manager.modelNames.filter((name) => !found.has(name));
    for (const name of gone) void this.#apply(name, async () => void manager.remove(name));
    return this.#seen.size > 0;
  }

  async #apply(name: string, work: () => Promise<void>): Promise<void> {
    await this.#inTurn(name, work).then(
      () => undefined,
      (error: unknown) => this.#options.events.onFailed(name, error),
    );
  }

  #inTurn<T>(name: string, work: () => Promise<T>): Promise<T> {
    const turn = (this.#turns.get(name) ?? Promise.resolve()).then(work);
    const settled = turn
      .then(
        () => undefined,
        () => undefined,
      )
      .then(() => {
        if (this.#turns.get(name) === settled) this.#turns.delete(name);
      });
    this.#turns.set(name, settled);
    return turn;
  }

  #entriesOf(name: string): readonly RepositoryIndexEntry[] {
    const { manager } = this.#options;
    const statuses = manager.statusesOf(name);
    const config = manager.configOf(name);
    if (statuses.length > 0) {
      return statuses.map((status) => {
        // An ensemble waits for its models, and a failed load for its next attempt.
        const waitsFor = manager.loadOf(name, status.version)?.lastFailure?.message;
        return entryOf(name, status, config?.refusal, waitsFor);
      });
    }
    const nothing = { name, version: undefined, state: undefined, reason: '' };
    if (config === undefined) return [nothing];
    const reason = manager.reasonOf(name) ?? '';
    return [{ ...nothing, state: 'UNAVAILABLE', reason }];
  }

  /** The models that an ensemble consists of, and those of ensembles in it, as they are loaded. */
  #partsOf(name: string): readonly string[] {
    const { manager } = this.#options;
    return [...ensembleParts(name, (each) => manager.configOf(each))].filter((part) => part !== name);
  }

  #isNeeded(part: string): boolean {
    const { manager } = this.#options;
    return manager.modelNames.some((name) => this.#partsOf(name).includes(part));
  }

  #warn(text: string): void {
    if (this.#warned.has(text)) return;
    this.#warned.add(text);
    this.#options.events.onWarning(text);
  }
}

function entryOf(
  name: string,
  { version, state, error }: VersionStatus,
  refusal: string | undefined,
  waitsFor = '',
): RepositoryIndexEntry {
  const reason = state === 'END' ? (refusal ?? error?.message ?? 'unloaded') : state === 'LOADING' ? waitsFor : '';
  return { name, version, state: REPOSITORY_STATES[state], reason };
}

function unknown(name: string): ServingError {
  const words = `failed to load '${cutName(name)}', failed to poll from model repository`;
  return new ServingError('model_not_found', `${words}: none has a model ${quoteName(name)}`);
}

function loadFailed(name: string, { kind, message, cause }: ServingError): ServingError {
  return new ServingError(kind, `load failed for model '${name}': ${message}`, { cause });
}
