/**
 * The model repository extension, for every form: which models there are, and loading and unloading them.
 *
 * A caller names a model and nothing else: where its files are, and how it is configured, is the server's own business,
 * so a `config` or `file:` parameter is refused.
 *
 * https://github.com/triton-inference-server/server, docs/protocol/extension_model_repository.md
 */
import type { Parameters } from '../../../codec/open-inference/infer-request.ts';
import { invalidRequest, ServingError } from '../../../core/errors.ts';
import { quoteName } from '../../../core/list-names.ts';
import type { ModelInfoHandler } from '../../handlers/model-info.ts';
import type { RepositoryHandler } from '../../handlers/repository.ts';
import type { RequestContext } from '../../request-context.ts';
import { modelSpecOf } from './model-reference.ts';

/** One version; of a model without any, one entry with an empty version. */
export interface RepositoryEntry {
  readonly name: string;
  readonly version: string;
  /** Triton's states. */
  readonly state: 'READY' | 'LOADING' | 'UNLOADING' | 'UNAVAILABLE';
  /** Why it is not ready; empty where nothing is to be said. */
  readonly reason: string;
}

const STATES = {
  UNKNOWN: 'UNAVAILABLE',
  START: 'LOADING',
  LOADING: 'LOADING',
  AVAILABLE: 'READY',
  UNLOADING: 'UNLOADING',
  END: 'UNAVAILABLE',
} as const;

export class Repository {
  readonly #modelInfo: ModelInfoHandler;
  readonly #handler: RepositoryHandler | undefined;

  /** `handler`: undefined if callers may not load and unload. */
  constructor(modelInfo: ModelInfoHandler, handler: RepositoryHandler | undefined) {
    this.#modelInfo = modelInfo;
    this.#handler = handler;
  }

  /**
   * Models in the configuration's order, versions from the highest; those whose status the caller may ask for.
   * `repository`: the name of one, which no repository has here. Throws `unsupported`.
   */
  index(repository: string, isReadyOnly: boolean, context: RequestContext): readonly RepositoryEntry[] {
    checkRepository(repository);
    const entries = this.#modelInfo.list(context).flatMap(({ name, versions }): readonly RepositoryEntry[] => {
      if (versions.length === 0) return [{ name, version: '', state: 'UNAVAILABLE', reason: 'it has no versions yet' }];
      return versions.map(({ version, state, error }) => {
        const reason = error?.message ?? (state === 'END' ? 'unloaded' : '');
        return { name, version: version.toString(), state: STATES[state], reason };
      });
    });
    return isReadyOnly ? entries.filter(({ state }) => state === 'READY') : entries;
  }

  /** Resolves when the model's versions are available. Rejects with ServingError. */
  async load(repository: string, name: string, parameters: Parameters, context: RequestContext): Promise<void> {
    const handler = this.#allowed(repository, name, parameters);
    await handler.load(name, context);
  }

  /** Resolves when no new request gets the model; its last requests may still run. Rejects with ServingError. */
  async unload(repository: string, name: string, parameters: Parameters, context: RequestContext): Promise<void> {
    const handler = this.#allowed(repository, name, parameters);
    await handler.unload(name, context);
  }

  #allowed(repository: string, name: string, parameters: Parameters): RepositoryHandler {
    if (this.#handler === undefined) {
      const fix = 'whoever runs it can allow that with --model_control_mode=explicit';
      throw new ServingError('unsupported', `this server loads and unloads no models by request; ${fix}`);
    }
    checkRepository(repository);
    modelSpecOf(name, '');
    for (const parameter of parameters.keys()) {
      // No model here depends on others.
      if (parameter !== 'unload_dependents') throw notTaken(parameter);
    }
    return this.#handler;
  }
}

function checkRepository(repository: string): void {
  if (repository === '') return;
  const text = `repository ${quoteName(repository)}: this server's models are in no named repository`;
  throw new ServingError('unsupported', `${text}; leave its name out`);
}

function notTaken(parameter: string): ServingError {
  if (parameter !== 'config' && !parameter.startsWith('file:')) {
    return invalidRequest(`parameter ${quoteName(parameter)} is not known here; leave it out`);
  }
  const text = `parameter ${quoteName(parameter)}: a model's files and configuration are this server's own`;
  return new ServingError('unsupported', `${text}; load it without, and change them where the server is run`);
}
