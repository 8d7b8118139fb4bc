/**
 * A ModelManager on a fake clock, a file system of memory and loads that end when the test says so.
 *
 * Nothing here does I/O, so after `turn()` all has happened that can happen without time passing.
 */
import type { ModelConfig } from '../../src/config/model-config.ts';
import { ServingError } from '../../src/core/errors.ts';
import type { ModelManagerOptions } from '../../src/models/lifecycle/manager-settings.ts';
import type { ModelEvents } from '../../src/models/lifecycle/model-events.ts';
import { NO_EVENTS } from '../../src/models/lifecycle/model-events.ts';
import { ModelManager } from '../../src/models/lifecycle/model-manager.ts';
import type { LoadServable } from '../../src/models/loading/version-loader.ts';
import { Servable, type VersionState } from '../../src/models/serving/servable.ts';
import type { ArtifactFingerprint } from '../../src/models/versions/artifact-fingerprint.ts';
import type { VersionFiles } from '../../src/models/versions/version-source.ts';
import { FakeClock } from './fake-clock.ts';
import { turn } from './turns.ts';

/** Long before the fake clock's wall time. */
const LONG_AGO = 1_600_000_000_000;

export class FakeFiles implements VersionFiles {
  /** Base path → version → its fingerprint. A path that is not here does not exist. */
  readonly #paths = new Map<string, Map<bigint, ArtifactFingerprint>>();
  looks = 0;
  fingerprints = 0;

  /** Adds a version, whose files are at rest unless `changedAtMs` is recent. */
  put(basePath: string, version: bigint, { text = 'a', files = 1, changedAtMs = LONG_AGO } = {}): void {
    this.makePath(basePath).set(version, { text, files, changedAtMs });
  }

  makePath(basePath: string): Map<bigint, ArtifactFingerprint> {
    const versions = this.#paths.get(basePath) ?? new Map<bigint, ArtifactFingerprint>();
    this.#paths.set(basePath, versions);
    return versions;
  }

  remove(basePath: string, version?: bigint): void {
    if (version === undefined) this.#paths.delete(basePath);
    else this.#paths.get(basePath)?.delete(version);
  }

  async find(basePath: string): Promise<ReadonlyMap<bigint, string>> {
    this.looks += 1;
    const versions = this.#paths.get(basePath);
    if (versions === undefined) throw new ServingError('load_failed', `base path ${basePath} does not exist`);
    return new Map([...versions.keys()].map((version) => [version, `${basePath}/${version}`]));
  }

  async fingerprint(directory: string): Promise<ArtifactFingerprint> {
    this.fingerprints += 1;
    const at = directory.lastIndexOf('/');
    const found = this.#paths.get(directory.slice(0, at))?.get(BigInt(directory.slice(at + 1)));
    return found ?? { text: 'gone', files: 0, changedAtMs: 0 };
  }
}

interface PendingLoad {
  finish(): void;
  fail(error: ServingError): void;
}

/** Opens servables; those named in `held` wait for finish() or fail(). */
export class PuppetLoads {
  /** "m/1": each attempt, in order. */
  readonly begun: string[] = [];
  /** Servables that are opened and not yet closed. */
  readonly open = new Set<Servable>();
  readonly models: ModelConfig[] = [];
  isHolding = false;
  closed = 0;
  readonly #failures = new Map<string, ServingError>();
  /** Oldest first. A version may load again while a load that was aborted goes on. */
  readonly #pending: { readonly key: string; readonly load: PendingLoad }[] = [];

  readonly load: LoadServable = (model, version) => {
    const key = `${model.name}/${version}`;
    this.begun.push(key);
    this.models.push(model);
    const failure = this.#failures.get(key);
    if (failure !== undefined) return Promise.reject(failure);
    if (!this.isHolding) return Promise.resolve(this.#open(model.name, version));
    return new Promise((resolve, reject) => {
      const load = { finish: () => resolve(this.#open(model.name, version)), fail: reject };
      this.#pending.push({ key, load });
    });
  };

  /** Every attempt from now on fails; undefined = none. */
  failFromNow(key: string, error: ServingError | undefined): void {
    if (error === undefined) this.#failures.delete(key);
    else this.#failures.set(key, error);
  }

  get pending(): readonly string[] {
    return this.#pending.map(({ key }) => key);
  }

  async finish(key: string): Promise<void> {
    this.#take(key).finish();
    await turn();
  }

  async fail(key: string, error: ServingError): Promise<void> {
    this.#take(key).fail(error);
    await turn();
  }

  #take(key: string): PendingLoad {
    const at = this.pending.indexOf(key);
    if (at < 0) throw new Error(`${key} is not loading; loading: ${this.pending.join(', ')}`);
    return this.#pending.splice(at, 1)[0]!.load;
  }

  #open(name: string, version: bigint): Servable {
    const servable: Servable = new Servable(name, version, new Map(), {
      submit: () => Promise.resolve(new Map()),
      close: async () => {
        this.closed += 1;
        this.open.delete(servable);
      },
      queuedRows: 0,
      queuedTasks: 0,
      runningBatches: 0,
    });
    this.open.add(servable);
    return servable;
  }
}

export function modelConfig(name: string, extra: Partial<ModelConfig> = {}): ModelConfig {
  return {
    name,
    basePath: `/${name}`,
    versionPolicy: { kind: 'latest', count: 1 },
    versionLabels: new Map(),
    backend: undefined,
    executionProvider: 'cpu',
    host: undefined,
    ...extra,
  };
}

export class LifeHarness {
  readonly clock = new FakeClock();
  readonly files = new FakeFiles();
  readonly loads = new PuppetLoads();
  /** "m/1 LOADING", and what else is told. */
  readonly told: string[] = [];
  readonly manager: ModelManager;
  #started: Promise<void> | undefined;

  constructor(models: readonly ModelConfig[], options: Partial<ModelManagerOptions> = {}) {
    this.manager = new ModelManager({
      models,
      load: this.loads.load,
      clock: this.clock,
      files: this.files,
      events: this.#events(),
      ...options,
    });
  }

  /** Does not wait for models that cannot be ready yet. */
  async start(): Promise<void> {
    this.#started = this.manager.start();
    this.#started.catch(() => undefined);
    await turn();
  }

  /** The promise of the start, for tests of how it resolves or rejects. */
  get started(): Promise<void> {
    return this.#started!;
  }

  /** Lets time pass, in steps in which each timer's work can be done. */
  async pass(ms: number): Promise<void> {
    const until = this.clock.nowMs() + ms;
    while (this.clock.nextAt <= until) {
      this.clock.advance(this.clock.nextAt - this.clock.nowMs());
      await turn();
    }
    this.clock.advance(until - this.clock.nowMs());
    await turn();
  }

  /** "3 AVAILABLE", highest first. */
  states(name: string): readonly string[] {
    return this.manager.status(name, {}).map(({ version, state }) => `${version} ${state}`);
  }

  #events(): ModelEvents {
    const tell = (text: string): void => {
      this.told.push(text);
    };
    return {
      ...NO_EVENTS,
      onTransition: (model, { version, state }: { version: bigint; state: VersionState }) =>
        tell(`${model}/${version} ${state}`),
      onProgress: (model, version, elapsedMs) => tell(`${model}/${version} still loading after ${elapsedMs}`),
      onRetry: (model, version, { retry, maxRetries }) => tell(`${model}/${version} retry ${retry} of ${maxRetries}`),
      onBlocked: (model, reason) => tell(`${model} waits: ${reason}`),
      onForgotten: (model, version) => tell(`${model}/${version} forgotten`),
    };
  }
}

export const BROKEN = new ServingError('load_failed', 'model.onnx is no model');
export const PASSING = new ServingError('insufficient_memory', 'it does not fit');
