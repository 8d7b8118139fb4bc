/** Loading and unloading models by request, for `--model_control_mode=explicit`: each is in the audit log. */
import type { CancelSignal } from '../../../core/cancel.ts';
import { toServingError } from '../../../core/errors.ts';
import type { AuditLog } from '../../../ledger/log/audit-log.ts';
import type { RequestContext } from '../../../proxy/request-context.ts';
import type { ModelRepository, UnloadOptions } from './model-repository.ts';

export { REPOSITORY_STATES, type RepositoryState } from './model-repository.ts';

/** The index, if there are more models than those that are configured now. */
export type RepositoryIndex = Pick<ModelRepository, 'index'>;

/**
 * Models of a fixed list (configured-models.ts) or of Triton model repositories (model-repository.ts).
 */
export interface LoadsByRequest {
  /**
   * Resolves when the model's versions are available, with the names of other models that were loaded for it. Rejects
   * with ServingError; a cancelled load may go on.
   */
  load(name: string, cancel: CancelSignal): Promise<readonly string[]>;
  /** Resolves when no new request gets the model, with the names of others that went. Rejects with ServingError. */
  unload(name: string, options?: UnloadOptions): Promise<readonly string[]>;
}

export class RepositoryHandler {
  readonly #models: LoadsByRequest;
  readonly #audit: AuditLog | undefined;

  constructor(models: LoadsByRequest, audit?: AuditLog) {
    this.#models = models;
    this.#audit = audit;
  }

  /** Resolves and rejects as LoadsByRequest.load, or with the cancel reason. */
  load(name: string, context: RequestContext): Promise<void> {
    return this.#audited(name, context, () => unlessCancelled(this.#models.load(name, context.cancel), context.cancel));
  }

  /** Resolves and rejects as LoadsByRequest.unload. Others are unloaded only if the caller may do that by name. */
  unload(name: string, options: Omit<UnloadOptions, 'mayUnload'>, context: RequestContext): Promise<void> {
    const { principal, surface } = context;
    const mayUnload = (model: string): boolean => principal?.may('load', surface, model) ?? true;
    return this.#audited(name, context, () => this.#models.unload(name, { ...options, mayUnload }));
  }

  async #audited(name: string, context: RequestContext, work: () => Promise<readonly string[]>): Promise<void> {
    let others: readonly string[];
    try {
      others = await work();
    } catch (thrown) {
      const error = toServingError(thrown);
      // A name that no model has is a caller's text, and no label of metrics.
      if (error.kind !== 'model_not_found') context.model = name;
      this.#audit?.request(context, 'failed', error, name);
      throw error;
    }
    context.model = name;
    for (const each of [name, ...others]) this.#audit?.request(context, 'done', undefined, each);
  }
}

/** Settles as `work`, or rejects with the cancel reason if that comes first. */
function unlessCancelled<T>(work: Promise<T>, cancel: CancelSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    if (cancel.reason !== undefined) reject(cancel.reason);
    const listener = { onCancel: reject };
    cancel.listener = listener;
    const release = (): void => {
      if (cancel.listener === listener) cancel.listener = undefined;
    };
    work.finally(release).then(resolve, reject);
  });
}
