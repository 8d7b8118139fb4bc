/**
 * Waits until all versions of a model are available for the first time, and decides when to stop waiting.
 *
 * | rule   | ready    | a version fails                           | a load is retried | there is nothing to load |
 * |--------|----------|-------------------------------------------|-------------------|--------------------------|
 * | start  | resolves | rejects, if the first poll found versions | waits             | waits: it may come       |
 * | reload | resolves | rejects                                   | rejects           | rejects                  |
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

export type FirstReadyRule = 'start' | 'reload' | 'load';

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

  /** True once all versions were available, or once the model was retired. */
  get isReady(): boolean {
    return this.#isReady;
  }

  /** All wanted versions are available. */
  allUp(): void {
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
