/**
 * Loading and unloading models of a fixed list by request, for `--model_control_mode=explicit`. It serves only
 * configured models, in the versions of their own base paths: a caller chooses neither. Operators have the same on the
 * admin port (models/versions/operator-overrides.ts), and it lasts as long: until the process ends.
 */
import type { CancelSignal } from '../../../core/cancel.ts';
import type { Clock } from '../../../core/clock.ts';
import { ServingError } from '../../../core/errors.ts';
import type { VersionLoad, VersionStatus } from '../../../models/serving/servable.ts';
import type { ServableDirectory } from '../../../models/serving/servable-directory.ts';
import type { LoadsByRequest } from './repository-handler.ts';

/** The part of ModelManager that is used. */
export interface OperatedModels extends Pick<ServableDirectory, 'modelNames' | 'status'> {
  onDisk(name: string): readonly bigint[];
  loadOf(name: string, version: bigint): VersionLoad | undefined;
  isUnloadedByOperator(name: string, version: bigint): boolean;
  operate(name: string, version: bigint, action: 'load' | 'unload' | 'reload'): Promise<void>;
}

/** The time between two looks at a load that is waited for. */
const LOOK_MS = 20;

export class ConfiguredModels implements LoadsByRequest {
  readonly #models: OperatedModels;
  readonly #clock: Clock;

  constructor(models: OperatedModels, clock: Clock) {
    this.#models = models;
    this.#clock = clock;
  }

  /**
   * Loads the versions that were unloaded; if none was, and none is served, the highest on disk. Resolves when they are
   * available. Rejects with ServingError: as ModelManager.operate, with the error of a load that fails, or with the
   * cancel reason: the load goes on then.
   */
  async load(name: string, cancel: CancelSignal): Promise<readonly string[]> {
    const versions = this.#toLoad(name);
    const running = this.#statusesOf(name).filter(isRunning);
    for (const version of versions) {
      if (!running.some((each) => each.version === version)) await this.#models.operate(name, version, 'load');
    }
    await this.#untilLoaded(name, versions, cancel);
    return [];
  }

  /** Unloads all versions. Resolves when no new request gets one. Rejects with ServingError. */
  async unload(name: string): Promise<readonly string[]> {
    const running = this.#statusesOf(name).filter(isRunning);
    for (const { version } of running) await this.#models.operate(name, version, 'unload');
    return [];
  }

  #toLoad(name: string): readonly bigint[] {
    const models = this.#models;
    const statuses = this.#statusesOf(name);
    const known = new Set([...statuses.map(({ version }) => version), ...models.onDisk(name)]);
    const unloaded = [...known].filter((version) => models.isUnloadedByOperator(name, version));
    if (unloaded.length > 0) return unloaded;
    const running = statuses.filter(isRunning);
    if (running.length > 0) return running.map(({ version }) => version);
    const [highest] = [...known].sort((a, b) => (a < b ? 1 : -1));
    // The directory's own error says why there is nothing to load.
    return highest === undefined ? models.status(name, {}).map(({ version }) => version) : [highest];
  }

  /** Empty for a configured model that has no version yet. */
  #statusesOf(name: string): readonly VersionStatus[] {
    const models = this.#models;
    try {
      return models.status(name, {});
    } catch (error) {
      if (models.modelNames.includes(name)) return [];
      throw error;
    }
  }

  async #untilLoaded(name: string, versions: readonly bigint[], cancel: CancelSignal): Promise<void> {
    const models = this.#models;
    const clock = this.#clock;
    for (;;) {
      const statuses = this.#statusesOf(name).filter(({ version }) => versions.includes(version));
      if (statuses.length === versions.length && statuses.every(({ state }) => state === 'AVAILABLE')) return;
      // The first look comes after a pause: a load that has just been asked for may still show its last failure.
      await new Promise<void>((resolve) => {
        clock.setTimer(clock.nowMs() + LOOK_MS, resolve);
      });
      cancel.throwIfCancelled();
      for (const version of versions) {
        if (models.isUnloadedByOperator(name, version)) throw unloadedMeanwhile(name, version);
        const status = this.#statusesOf(name).find((each) => each.version === version);
        const failure = status?.error ?? models.loadOf(name, version)?.lastFailure;
        if (failure !== undefined) throw failedLoad(name, version, failure);
      }
    }
  }
}

/** It is available, or will be. */
function isRunning({ state }: VersionStatus): boolean {
  return state === 'AVAILABLE' || state === 'LOADING' || state === 'START';
}

function failedLoad(name: string, version: bigint, { message, cause }: ServingError): ServingError {
  const text = `model "${name}" version ${version} could not be loaded: ${message}`;
  return new ServingError('load_failed', text, { cause });
}

function unloadedMeanwhile(name: string, version: bigint): ServingError {
  return new ServingError('load_failed', `model "${name}" version ${version} was unloaded meanwhile; load it again`);
}
