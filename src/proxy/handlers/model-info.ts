/** GetModelStatus, GetModelMetadata and the list of models, for every surface. */
import { invalidRequest, ServingError } from '../../core/errors.ts';
import type { ModelMetadata } from '../../core/model-metadata.ts';
import type { ModelSpec } from '../../core/model-spec.ts';
import type { Servable, ServableHandle, VersionStatus } from '../../models/serving/servable.ts';
import type { ServableDirectory } from '../../models/serving/servable-directory.ts';
import { WHY_NOT_READY } from '../../models/serving/why-not-ready.ts';
import type { RequestContext } from '../request-context.ts';
import { nameRefused } from './model-resolver.ts';

export type { VersionStatus } from '../../models/serving/servable.ts';
export { VERSION_STATES } from '../../models/serving/servable.ts';

export interface ModelStatus {
  readonly name: string;
  /** Highest version first; empty before the first is found. */
  readonly versions: readonly VersionStatus[];
}

export class ModelInfoHandler {
  readonly #models: ServableDirectory;

  constructor(models: ServableDirectory) {
    this.#models = models;
  }

  /** Every configured version's state, highest version first. A label is ignored, as TensorFlow Serving does. */
  status(spec: ModelSpec, context: RequestContext): readonly VersionStatus[] {
    const statuses = this.#models.status(spec.name, { version: spec.version });
    context.model = spec.name;
    return statuses;
  }

  /** All configured names. */
  get names(): readonly string[] {
    return this.#models.modelNames;
  }

  /** Every configured model whose status the caller may ask for, in the configuration's order. */
  list({ principal, surface }: RequestContext): readonly ModelStatus[] {
    const names = this.#models.modelNames.filter((name) => principal?.may('status', surface, name) ?? true);
    return names.map((name) => ({ name, versions: this.#versionsOf(name) }));
  }

  /** A request for the model, of whatever version, finds one; undefined: no such model is configured. */
  isAvailable(name: string): boolean | undefined {
    if (!this.#models.modelNames.includes(name)) return undefined;
    return this.#versionsOf(name).some(({ state }) => state === 'AVAILABLE');
  }

  /** The signatures of the version that a Predict with this spec would reach. */
  metadata(spec: ModelSpec, context: RequestContext): ModelMetadata {
    return this.read(spec, context, ({ name, version, signatures, findings, notes }) => {
      return { name, version, signatures, notes: [...findings.leftOut, ...notes] };
    });
  }

  /** Why a version that is loaded cannot answer; undefined: it can, or is not loaded. */
  whyNotReady(name: string, version: bigint): string | undefined {
    return this.#models.find?.(name, { version })?.facts.get(WHY_NOT_READY)?.();
  }

  /** Takes from that version what `read` returns; the version may be unloaded afterwards. Throws as a Predict would. */
  read<Facts>(spec: ModelSpec, context: RequestContext, read: (servable: Servable) => Facts): Facts {
    if (spec.name === '') {
      throw invalidRequest('model_spec.name is empty; send the name of a served model');
    }
    const handle = this.#acquire(spec, context);
    try {
      const { servable } = handle;
      context.model = servable.name;
      context.version = servable.version.toString();
      return read(servable);
    } finally {
      handle.release();
    }
  }

  #acquire(spec: ModelSpec, context: RequestContext): ServableHandle {
    try {
      return this.#models.acquire(spec.name, spec);
    } catch (error) {
      nameRefused(context, this.#models, spec.name);
      throw error;
    }
  }

  #versionsOf(name: string): readonly VersionStatus[] {
    try {
      return this.#models.status(name, {});
    } catch (error) {
      // The model is configured, but none of its versions is known yet.
      if (error instanceof ServingError && error.kind === 'model_not_found') return [];
      throw error;
    }
  }
}
