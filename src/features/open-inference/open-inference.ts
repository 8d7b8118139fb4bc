/**
 * The calls that all forms of the Open Inference Protocol (KServe V2) share: made once for a server, given to each
 * form's service. A form turns bytes into these calls' arguments, and their results into bytes; it decides nothing.
 *
 *   models       server and model metadata, readiness of a model, Triton's ModelConfig      access: metadata, status
 *   infer        InferRequest → InferCall, for an exchange                                  access: predict
 *   statistics   totals of each version                                                     access: status
 *   settings     trace and log settings                             access: none; to change them: settings
 *   readiness    of the server; told outside the request lifecycle, as by grpc.health.v1
 */
import type { InferRequest } from '../../codec/open-inference/infer-request.ts';
import { ServingError } from '../../core/errors.ts';
import type { ModelInfoHandler } from '../../proxy/handlers/model-info.ts';
import type { Readiness } from '../../proxy/readiness.ts';
import type { RequestContext } from '../../proxy/request-context.ts';
import type { Extension } from './exported/extension.ts';
import { modelSpecOf } from './exported/model-reference.ts';
import { type InferCall, type InferParts, inferCall } from './infer-call.ts';
import { inputsOf, ModelLookups, type OpenInferenceInputs } from './model-lookups.ts';
import type { ServerSettings } from './server-settings.ts';
import type { InferenceStatistics } from './statistics/inference-statistics.ts';
import { Statistics } from './statistics.ts';

export interface OpenInferenceParts extends Omit<InferParts, 'tensorsOf'> {
  readonly modelInfo: ModelInfoHandler;
  readonly readiness: Readiness;
  readonly statistics: InferenceStatistics;
  readonly extensions: readonly Extension[];
  readonly settings: ServerSettings;
  /** The server's. */
  readonly name: string;
  readonly version: string;
}

export class OpenInference {
  readonly readiness: Readiness;
  readonly models: ModelLookups;
  readonly statistics: Statistics;
  readonly settings: ServerSettings;
  readonly extensions: readonly Extension[];
  readonly #infer: InferParts;

  constructor(parts: OpenInferenceParts) {
    const { modelInfo, readiness, statistics, extensions, settings, name, version } = parts;
    this.readiness = readiness;
    const names = extensions.flatMap((each) => each.names);
    this.extensions = extensions;
    this.models = new ModelLookups(modelInfo, { name, version, extensions: names });
    this.statistics = new Statistics(modelInfo, statistics);
    this.settings = settings;
    const { tensorsOf } = extensions.find((each) => each.tensorsOf !== undefined) ?? {};
    this.#infer = { ...parts, tensorsOf };
  }

  /** See ModelLookups; of the fallback, for a model that is not available and has one. */
  inputs(name: string, version: string, context: RequestContext): OpenInferenceInputs {
    try {
      return this.models.inputs(name, version, context);
    } catch (thrown) {
      const { fallbacks } = this.#infer.resolver.source;
      if (fallbacks?.has(name) !== true || !(thrown instanceof ServingError)) throw thrown;
      const { handle } = fallbacks.acquire(modelSpecOf(name, version), thrown, context);
      try {
        return inputsOf(handle.servable);
      } finally {
        handle.release();
      }
    }
  }

  /** See `inferCall`. */
  infer(request: InferRequest, context: RequestContext): InferCall | Promise<InferCall> {
    return inferCall(this.#infer, request, context);
  }
}
