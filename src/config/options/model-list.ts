/** Another place where models are listed than those of model-sources.ts: a feature's, named by options of its own. */
import type { ModelConfig, ModelDefaults } from '../model-config.ts';
import type { ServeOptions } from './serve-options.ts';

/** How models are served that come and go one by one, and not as a list. */
export interface OneByOne {
  /** The time between two looks at a model's base path, in ms; 0 = one look. */
  readonly pollMs: number;
  /** Why there is one look, as a clause. */
  readonly whyOnce: string;
  /** The server is ready only while each model is available; else once each has loaded or failed. */
  readonly isStrict: boolean;
}

/** The models of the start. */
export interface ListedModels {
  readonly models: readonly ModelConfig[];
  /** The option, for people. */
  readonly modelsFrom: string;
  readonly oneByOne: OneByOne;
}

interface ListParts {
  /** The options of the kernel and of every feature. */
  readonly options: ServeOptions;
  readonly modelDefaults: ModelDefaults;
  readonly errors: string[];
  readonly warnings: string[];
}

export type ListModels = (parts: ListParts) => ListedModels;

interface ListModule {
  /** Imports it before a command reads its configuration. */
  readonly load: () => Promise<ListModels>;
  /** Loads it in the same turn, for an application that makes a server. */
  readonly loadNow: () => ListModels;
}

/** A list whose module is loaded only where a configuration may ask for it. */
export class LazyModelList {
  /** The option that asks for it, with its placeholder. */
  readonly flag: string;
  readonly #isAsked: (given: Pick<ListParts, 'options'>) => boolean;
  readonly #module: ListModule;
  #list: ListModels | undefined;

  constructor(flag: string, isAsked: (given: Pick<ListParts, 'options'>) => boolean, module: ListModule) {
    this.flag = flag;
    this.#isAsked = isAsked;
    this.#module = module;
  }

  async load(): Promise<void> {
    this.#list ??= await this.#module.load();
  }

  /** Undefined if no option asks for it. */
  list(parts: ListParts): ListedModels | undefined {
    if (!this.#isAsked(parts)) return undefined;
    this.#list ??= this.#module.loadNow();
    return this.#list(parts);
  }
}
