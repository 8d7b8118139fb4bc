/** The seams that take what features add to models, before the first one is loaded. */
import type { Backends } from '../backends/backends.ts';
import type { Sandbox } from '../backends/host/process/sandbox.ts';
import type { LogType } from '../codec/tensorflow/prediction-log.ts';
import type { ModelConfig } from '../config/model-config.ts';
import { systemClock } from '../core/clock.ts';
import type { ModelFeatures } from '../models/lifecycle/manager-settings.ts';
import type { VersionObserver } from '../models/lifecycle/version-observer.ts';
import type { EnsembleSource } from '../models/loading/declared-ensemble.ts';
import type { Layers, MakeBatchLayer, RunnerLayer } from '../models/loading/layers.ts';
import type { LoadStep } from '../models/loading/load-steps.ts';
import type { VersionKind } from '../models/loading/version-kind.ts';
import { KeptMemory } from '../models/memory/kept-memory.ts';
import type { FileKeys } from '../models/model-file/file-key.ts';
import type { ChooseRuntime } from '../models/runtimes/runtime-choice.ts';
import { RequestSamplers } from '../models/serving/request-samplers.ts';
import type { Servable } from '../models/serving/servable.ts';
import type { ServableDirectory } from '../models/serving/servable-directory.ts';
import type { StepTable } from '../models/serving/steps.ts';
import type { FallbackSource, Fallbacks } from '../proxy/handlers/model-resolver.ts';
import type { ReplayRequest } from '../proxy/handlers/replay.ts';

/** An attempt to load a version that has ended. */
export interface LoadAttempt {
  readonly directory: string;
  /** The time of the whole load, warm-up included. */
  readonly tookMs: number;
  readonly status: 'success' | 'fail';
}

/** The part of ModelManager that features read. */
interface ServedModels extends ServableDirectory {
  servables(): Iterable<Servable>;
  configOf(name: string): ModelConfig | undefined;
}

export class ModelSeams implements FallbackSource, ModelFeatures {
  /** Counts what models keep between requests, over all of them. */
  readonly kept = new KeptMemory();
  readonly backends: Backends;
  /** Keys that features bring to the pillion.yaml beside a model, and runtimes that it may name. */
  readonly fileKeys: FileKeys;
  /** Copies samples of models' requests with their answers. */
  readonly samplers: RequestSamplers;
  readonly layers = {
    requests: [] as RunnerLayer[],
    runs: [] as RunnerLayer[],
    batches: [] as MakeBatchLayer[],
  } satisfies Layers;
  readonly steps: LoadStep[] = [];
  /** Called when an attempt to load a version has ended. */
  readonly onAttempt: ((attempt: LoadAttempt) => void)[] = [];
  /** Versions that features load themselves. */
  readonly kinds: VersionKind[] = [];
  readonly observers: VersionObserver[] = [];
  /**
   * The directory of a version's artifact. Rejects with `load_failed` for a version that must not be loaded. One feature
   * may set it.
   */
  artifactOf = (_model: ModelConfig, versionDirectory: string): Promise<string> => Promise.resolve(versionDirectory);
  /** Finds the ensemble that a model's configuration declares. One feature may set it. */
  ensembleOf: (model: ModelConfig) => EnsembleSource | undefined = () => undefined;
  /** Called whenever the list of models has changed, with all of them. */
  readonly onListed: ((models: readonly ModelConfig[]) => void)[] = [];
  /** How records of features' methods are replayed, by their kind. */
  readonly replays = new Map<LogType, ReplayRequest>();
  /** Callers may send lists of models, so the files that a model names have to lie below the roots of models. */
  takesLists = false;
  fallbacks: Fallbacks | undefined;
  /** Confines models' processes; by default their environment is filtered. One feature may set it. */
  sandbox: Sandbox | undefined;
  /** Chooses the runtime of models whose runtime is `auto`. One feature may set it. */
  chooseRuntime: ChooseRuntime | undefined;
  /** The table by which a model's requests that are steps are resolved. One feature may set it. */
  sequencesOf: ((model: string) => StepTable) | undefined;
  readonly reports = new Map<string, (model: string) => unknown>();
  readonly versionReports = new Map<string, (servable: Servable) => unknown>();
  #served: ServedModels | undefined;

  constructor(
    { backends, fileKeys }: Pick<ModelSeams, 'backends' | 'fileKeys'>,
    onInternalError: (error: unknown) => void = () => undefined,
  ) {
    this.backends = backends;
    this.fileKeys = fileKeys;
    this.samplers = new RequestSamplers({ clock: systemClock, onInternalError });
  }

  /** A part of each model's report in GET /models: what `read` returns is the value of `key`; undefined = left out. */
  report(key: string, read: (model: string) => unknown): void {
    this.reports.set(key, read);
  }

  /** The same of each version that can answer. */
  reportVersion(key: string, read: (servable: Servable) => unknown): void {
    this.versionReports.set(key, read);
  }

  /** The versions that can answer now; none before the first one is loaded. */
  servables(): Iterable<Servable> {
    return this.#served?.servables() ?? [];
  }

  /** The place where versions are found; only once the server has been assembled. */
  get directory(): ServableDirectory {
    return this.#served!;
  }

  /** The configuration of a model that is in the list. */
  configOf(model: string): ModelConfig | undefined {
    return this.#served?.configOf(model);
  }

  /** The server has been assembled. */
  serve(models: ServedModels): void {
    this.#served = models;
  }
}
