/** The statistics extension, for every form: the totals of each version that is known, with requests or without. */
import { ServingError } from '../../core/errors.ts';
import type { ModelSpec } from '../../core/model-spec.ts';
import type { ModelInfoHandler } from '../../proxy/handlers/model-info.ts';
import type { RequestContext } from '../../proxy/request-context.ts';
import { modelSpecOf } from './exported/model-reference.ts';
import type { InferenceStatistics, TimeTotal, VersionStatistics } from './statistics/inference-statistics.ts';
import { modelWords, statisticsWords } from './triton-words.ts';

const NS_PER_MS = 1e6;
const NONE: TimeTotal = { count: 0, ms: 0 };

/** Whole nanoseconds of a total, as the wire wants them. */
export function nanosOf({ ms }: TimeTotal): bigint {
  return BigInt(Math.round(ms * NS_PER_MS));
}

export class Statistics {
  readonly #modelInfo: ModelInfoHandler;
  readonly #statistics: InferenceStatistics;

  constructor(modelInfo: ModelInfoHandler, statistics: InferenceStatistics) {
    this.#modelInfo = modelInfo;
    this.#statistics = statistics;
  }

  /**
   * The available versions of a model, or one of them; without a name, of all models whose status the caller may ask
   * for. Throws ServingError: invalid_request.
   */
  of(name: string, version: string, context: RequestContext): readonly VersionStatistics[] {
    try {
      return this.#of(name, version, context);
    } catch (thrown) {
      const refusal = statisticsWords(thrown, name, version);
      throw modelWords(refusal, modelSpecOf(name, version), this.#modelInfo.names, context);
    }
  }

  #of(name: string, version: string, context: RequestContext): readonly VersionStatistics[] {
    if (name === '' && version === '') {
      return this.#modelInfo.list(context).flatMap(({ name: model, versions }) => {
        const available = versions.filter(({ state }) => state === 'AVAILABLE');
        return available.map((each) => this.#totalsOf(model, each.version));
      });
    }
    const spec: ModelSpec = modelSpecOf(name, version);
    if (version !== '') {
      const found = this.#modelInfo.metadata(spec, context);
      return [this.#totalsOf(found.name, found.version)];
    }
    const statuses = this.#modelInfo.status(spec, context).filter(({ state }) => state === 'AVAILABLE');
    if (statuses.length === 0) throw new ServingError('model_not_found', `model "${name}" has no available version`);
    // Triton begins with the lowest version.
    return statuses.map((each) => this.#totalsOf(name, each.version)).reverse();
  }

  #totalsOf(model: string, version: bigint): VersionStatistics {
    return this.#statistics.of(model, version.toString()) ?? withoutRequests(model, version.toString());
  }
}

function withoutRequests(model: string, version: string): VersionStatistics {
  const compute = { computeInput: NONE, computeInfer: NONE, computeOutput: NONE };
  const counts = { lastInferenceMs: 0, inferenceCount: 0, executionCount: 0 };
  const requests = { success: NONE, fail: NONE, failures: new Map(), queue: NONE, cacheHit: NONE, cacheMiss: NONE };
  return { model, version, ...counts, ...requests, ...compute, runs: new Map() };
}
