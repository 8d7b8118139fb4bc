/**
 * Waits for a model's first time with all of its versions up, and decides what ends the waiting.
 *
 * | rule   | ready    | a version fails                           | will be tried again | there is nothing to load |
 * |--------|----------|-------------------------------------------|---------------------|--------------------------|
 * | start  | resolves | rejects, if the first look found versions | waits               | waits: it may come       |
 * | reload | resolves | rejects                                   | rejects             | rejects                  |
 *
 * Who asked for a reload wants to know now, and the next reload, which may mend it, waits for this one.
 *
 * In either case the model goes on living; it settles once and stays settled.
 */
import type { ModelConfig } from '../../config/model-config.ts';
import { ServingError } from '../../core/errors.ts';
import type { FoundVersion, Look } from '../versions/version-watch.ts';

export type FirstReadyRule = 'start' | 'reload';

export interface FirstLook {
  readonly config: ModelConfig;
  /** Undefined: the base path cannot be read. */
  readonly look: Look | undefined;
  readonly blockedReason: string | undefined;
  /** Labels may name versions that are not there. */
  readonly allowUnavailableLabels: boolean;
}

export class FirstReady {
  /** Resolves when the model is ready, or has gone before it was. Rejects with why it cannot be. */
  readonly promise: Promise<void>;
  readonly rule: FirstReadyRule;
  #resolve!: () => void;
  #reject!: (error: ServingError) => void;
  #isReady = false;
  #isSettled = false;
  /** Whether a failure ends the waiting; undefined until the first look. */
  #isFailureFinal: boolean | undefined;

  constructor(rule: FirstReadyRule) {
    this.rule = rule;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Who waits for it sees the rejection; nobody has to.
    this.promise.catch(() => undefined);
  }

  /** It was up once, or has left. */
  get isReady(): boolean {
    return this.#isReady;
  }

  ready(): void {
    this.#isReady = true;
    this.#isSettled = true;
    this.#resolve();
  }

  /** The model is no longer wanted: nobody need wait for it. */
  leave(): void {
    this.ready();
  }

  failed(error: ServingError): void {
    if (this.#isSettled || this.#isFailureFinal !== true) return;
    this.#isSettled = true;
    this.#reject(error);
  }

  /** It will be tried again. */
  stumbled(error: ServingError): void {
    if (this.rule === 'reload') this.failed(error);
  }

  looked({ config, look, blockedReason, allowUnavailableLabels }: FirstLook): void {
    const aspired = look?.aspired ?? [];
    const isChanging = look?.isChanging === true;
    const isComing = aspired.length > 0 || isChanging;
    this.#isFailureFinal ??= isComing || this.rule === 'reload';
    if (!isComing && this.rule === 'reload') {
      const text = `model "${config.name}" waits for its versions: ${blockedReason}`;
      this.failed(new ServingError('load_failed', text));
    } else if (aspired.length > 0 && !isChanging && !allowUnavailableLabels) {
      this.#checkLabels(config, aspired);
    }
  }

  /** Those of a reload are checked before it begins. */
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
