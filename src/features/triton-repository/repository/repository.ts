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
import type { ModelInfoHandler, ModelStatus } from '../../../proxy/handlers/model-info.ts';
import type { RequestContext } from '../../../proxy/request-context.ts';
import { modelSpecOf } from '../../open-inference/exported/model-reference.ts';
import {
  REPOSITORY_STATES,
  type RepositoryHandler,
  type RepositoryIndex,
  type RepositoryState,
} from './repository-handler.ts';

/** One version; of a model without any, one entry with an empty version. */
export interface RepositoryEntry {
  readonly name: string;
  readonly version: string;
  readonly state: RepositoryState;
  /** Why it is not ready; empty where nothing is to be said. */
  readonly reason: string;
}

/** The parts that the server's operator has decided on. */
export interface RepositoryParts {
  /** Undefined if callers may not load and unload. */
  readonly loads: RepositoryHandler | undefined;
  /** The index of models beyond those that are configured now; undefined without --model_repository. */
  readonly onDisk: RepositoryIndex | undefined;
}

export class Repository {
  readonly #modelInfo: ModelInfoHandler;
  readonly #parts: RepositoryParts;

  constructor(modelInfo: ModelInfoHandler, parts: RepositoryParts) {
    this.#modelInfo = modelInfo;
    this.#parts = parts;
  }

  /**
   * Models in the configuration's order, or else by name, versions from the highest; those whose status the caller may
   * ask for. `repository`: the name of one, which no repository has here. Rejects with `unsupported`.
   */
  async index(repository: string, isReadyOnly: boolean, context: RequestContext): Promise<readonly RepositoryEntry[]> {
    checkRepository(repository);
    const entries = (await this.#entries(context)).map((entry) => this.#withReadiness(entry));
    return isReadyOnly ? entries.filter(({ state }) => state === 'READY') : entries;
  }

  /** A version that is loaded, and cannot answer, is not ready. */
  #withReadiness(entry: RepositoryEntry): RepositoryEntry {
    const reason = entry.state === 'READY' ? this.#modelInfo.whyNotReady(entry.name, BigInt(entry.version)) : undefined;
    return reason === undefined ? entry : { ...entry, state: 'UNAVAILABLE', reason };
  }

  async #entries(context: RequestContext): Promise<readonly RepositoryEntry[]> {
    const { onDisk } = this.#parts;
    if (onDisk === undefined) return this.#modelInfo.list(context).flatMap(entriesOf);
    const { principal, surface } = context;
    const all = await onDisk.index();
    return all
      .filter(({ name }) => principal?.may('status', surface, name) ?? true)
      .map(({ name, version, state, reason }) => ({
        name,
        version: version?.toString() ?? '',
        state: state ?? 'UNAVAILABLE',
        reason: state === undefined ? 'it has not been loaded' : reason,
      }));
  }

  /** Resolves when the model's versions are available. Rejects with ServingError. */
  async load(repository: string, name: string, parameters: Parameters, context: RequestContext): Promise<void> {
    await this.#allowed(repository, name, parameters).load(name, context);
  }

  /** Resolves when no new request gets the model; its last requests may still run. Rejects with ServingError. */
  async unload(repository: string, name: string, parameters: Parameters, context: RequestContext): Promise<void> {
    const loads = this.#allowed(repository, name, parameters);
    await loads.unload(name, { unloadDependents: parameters.get('unload_dependents') === true }, context);
  }

  #allowed(repository: string, name: string, parameters: Parameters): RepositoryHandler {
    const { loads } = this.#parts;
    if (loads === undefined) {
      const fix = 'whoever runs it can allow that with --model_control_mode=explicit';
      throw new ServingError('unsupported', `this server loads and unloads no models by request; ${fix}`);
    }
    checkRepository(repository);
    modelSpecOf(name, '');
    for (const parameter of parameters.keys()) {
      if (parameter !== 'unload_dependents') throw notTaken(parameter);
    }
    return loads;
  }
}

/** The entries of a model: one for each version, or one that says that it has none. */
function entriesOf({ name, versions }: ModelStatus): readonly RepositoryEntry[] {
  if (versions.length === 0) return [{ name, version: '', state: 'UNAVAILABLE', reason: 'it has no versions yet' }];
  return versions.map(({ version, state, error }) => {
    const reason = error?.message ?? (state === 'END' ? 'unloaded' : '');
    return { name, version: version.toString(), state: REPOSITORY_STATES[state], reason };
  });
}

function checkRepository(repository: string): void {
  if (repository === '') return;
  const words = "'repository_name' specification is not supported";
  throw new ServingError('unsupported', `${words}: leave out ${quoteName(repository)}`);
}

function notTaken(parameter: string): ServingError {
  if (parameter !== 'config' && !parameter.startsWith('file:')) {
    return invalidRequest(`parameter ${quoteName(parameter)} is not known here; leave it out`);
  }
  const text = `parameter ${quoteName(parameter)}: a model's files and configuration are this server's own`;
  return new ServingError('unsupported', `${text}; load it without, and change them where the server is run`);
}
