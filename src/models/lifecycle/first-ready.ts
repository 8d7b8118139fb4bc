/**
 * Waits until a model is served for the first time, and decides when to stop waiting.
 *
 * | rule       | ready    | a version fails                           | a load is retried | there is nothing to load |
 * |------------|----------|-------------------------------------------|-------------------|--------------------------|
 * | start      | resolves | rejects, if the first poll found versions | waits             | waits: it may come       |
 * | one-by-one | resolves | rejects                                   | rejects           | rejects                  |
 * | reload     | resolves | rejects                                   | rejects           | rejects                  |
 *
 * At the start of the server (`start`, `one-by-one`) a failed version does not count where the policy names no version
 * itself (`latest`, `all`) and another one is available: one broken file must not take a model away that was served
 * until the restart. A reload has to tell its caller, whatever else is served.
 *
 * `load` is a reload of one model that may be served already: it is ready only after a poll that found no version which
 * is still being written.
 *
 * A reload rejects at once because its caller waits for the answer, and so does the next reload, which may fix the
 * model.
 *
 * The promise settles once. The model continues to poll and load in either case; whether the start goes on without it
 * is for ModelManager.start to say.
 */
import type { ModelConfig } from '../../config/model-config.ts';
import { ServingError } from '../../core/errors.ts';
import type { FoundVersion, PollResult } from '../versions/version-watch.ts';
import type { WantedOutcome } from '../versions/wanted-versions.ts';

export type FirstReadyRule = 'start' | 'one-by-one' | 'reload' | 'load';

interface FinishedPoll {
  readonly config: ModelConfig;
  /** Undefined if the base path cannot be read. */
  readonly result: PollResult | undefined;
  readonly blockedReason: string | undefined;
  /** Labels may name versions that are not available. */
  readonly allowUnavailableLabels: boolean;
}

export class FirstReady {
  /** Resolves when the model is ready, or when it is retired before. Rejects with the reason why it cannot be ready. */
  readonly promise: Promise<void>;
  readonly rule: FirstReadyRule;
  #resolve!: () => void;
  #reject!: (error: ServingError) => void;
  #isReady = false;
  #isSettled = false;
  /** A poll has found nothing that is still being written. */
  #isSteady = false;
  /** Whether a failure rejects the promise; undefined until the first poll. */
  #isFailureFinal: boolean | undefined;

  constructor(rule: FirstReadyRule) {
    this.rule = rule;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Callers that await the promise see the rejection; without a caller it must not be unhandled.
    this.promise.catch(() => undefined);
  }

  /** True once the model was served as the rule wants it, or once it was retired. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /**
   * Call it whenever a wanted version has become available or has failed. `versions`: the wanted ones, highest first.
   * `mayReplace`: those that fail leave their place to others of them, all of which are known now.
   */
  judge(versions: readonly WantedOutcome[], mayReplace: boolean): void {
    if (versions.length === 0) return;
    const isAtStart = this.rule === 'start' || this.rule === 'one-by-one';
    if (versions.every(({ isUp }) => isUp)) this.#allUp();
    else if (mayReplace && isAtStart && versions.every(({ isUp, error }) => isUp || error !== undefined)) {
      if (versions.some(({ isUp }) => isUp)) this.#allUp();
      else this.failed(versions[0]!.error!);
    }
  }

  /** A version cannot be loaded. `mayReplace`: another one may take its place, which `judge` is told. */
  versionFailed(error: ServingError, mayReplace: boolean): void {
    if (!mayReplace || this.rule === 'reload' || this.rule === 'load') this.failed(error);
  }

  #allUp(): void {
    if (this.rule !== 'load' || this.#isSteady) this.ready();
  }

  ready(): void {
    this.#isReady = true;
    this.#isSettled = true;
    this.#resolve();
  }

  failed(error: ServingError): void {
    if (this.#isSettled || this.#isFailureFinal !== true) return;
    this.#isSettled = true;
    this.#reject(error);
  }

  /** A load failed and will be retried. */
  retrying(error: ServingError): void {
    if (this.rule !== 'start') this.failed(error);
  }

  polled({ config, result, blockedReason, allowUnavailableLabels }: FinishedPoll): void {
    const aspired = result?.aspired ?? [];
    const isChanging = result?.isChanging === true;
    const isComing = aspired.length > 0 || isChanging;
    this.#isFailureFinal ??= isComing || this.rule !== 'start';
    this.#isSteady ||= result !== undefined && !isChanging;
    if (!isComing && this.rule !== 'start') {
      const text = `model "${config.name}" waits for its versions: ${blockedReason}`;
      this.failed(new ServingError('load_failed', text));
    } else if (aspired.length > 0 && !isChanging && !allowUnavailableLabels) {
      this.#checkLabels(config, aspired);
    }
  }

  /** Only at the start: the labels of a reload are checked before it begins (reload-check.ts). */
  #checkLabels({ name, versionLabels }: ModelConfig, aspired: readonly FoundVersion[]): void {
    for (const [label, version] of versionLabels) {
      if (aspired.some((found) => found.version === version)) continue;
      const text = `model "${name}": label "${label}" names version ${version}, which is not served; served: ${aspired
        .map((found) => found.version)
        .join(', ')}`;
      this.failed(new ServingError('load_failed', text));
    }
  }
}

/** Resolves when each has settled. Rejects with the first one's error if there are some and all have failed. */
export async function allButFailed(models: readonly Promise<void>[]): Promise<void> {
  const outcomes = await Promise.allSettled(models);
  const [first] = outcomes;
  if (first?.status === 'rejected' && outcomes.every(({ status }) => status === 'rejected')) throw first.reason;
}
