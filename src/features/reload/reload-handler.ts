/**
 * HandleReloadConfigRequest: a new list of models for a running server, which replaces the old one.
 *
 * A list that is invalid, or names something that a client may not choose (reload-limits.ts), changes nothing: the
 * `invalid_request` lists all faults. Then the reloader decides, by the contract in
 * models/serving/servable-directory.ts. If the caller's deadline passes, the caller gets that error and the reload goes
 * on. A file that lists models is not written: it is read again when it next changes, or at the next start.
 */

import type { ModelDefaults } from '../../config/model-config.ts';
import { modelsOfServerConfig } from '../../config/model-server-config.ts';
import { invalidRequest, type ServingError, toServingError } from '../../core/errors.ts';
import type { AuditLog } from '../../ledger/log/audit-log.ts';
import type { ModelReloader } from '../../models/serving/servable-directory.ts';
import type { RequestContext } from '../../proxy/request-context.ts';
import type { CounterIncrease, ReloadRequest } from './reload-codec.ts';
import { limitViolations, type ReloadLimits } from './reload-limits.ts';

/** The outcome of a reload, for the log. */
export interface ReloadEvents {
  onReloaded(models: readonly string[]): void;
  onRefused(error: ServingError): void;
  /** One call for each setting that has no effect. */
  onWarning(text: string): void;
}

export interface ReloadParts {
  readonly reloader: ModelReloader;
  /** The sum of a counter's series; 0 for an unknown name, as in TensorFlow Serving. */
  readonly counterTotal: (name: string) => Promise<number>;
  readonly defaults: ModelDefaults;
  readonly limits: () => ReloadLimits;
  readonly events: ReloadEvents;
  readonly audit?: AuditLog | undefined;
}

/** Reading one walks all its series. */
const MAX_METRIC_NAMES = 100;

export class ReloadHandler {
  readonly #parts: ReloadParts;

  constructor(parts: ReloadParts) {
    this.#parts = parts;
  }

  /** Resolves as ModelReloader.reload does. Rejects with ServingError. `context`: of the request, for the audit log. */
  async reload(request: ReloadRequest, context?: RequestContext): Promise<readonly CounterIncrease[]> {
    const { events, audit } = this.#parts;
    try {
      const increases = await this.#reload(request);
      if (context !== undefined) audit?.request(context, 'done');
      return increases;
    } catch (thrown) {
      const error = toServingError(thrown);
      events.onRefused(error);
      if (context !== undefined) audit?.request(context, 'failed', error);
      throw error;
    }
  }

  async #reload({ config, metricNames }: ReloadRequest): Promise<readonly CounterIncrease[]> {
    const { reloader, counterTotal, defaults, limits, events } = this.#parts;
    if (config === undefined)
      throw invalidRequest('config is missing; send a ModelServerConfig with a model_config_list');
    const { models, errors, warnings } = modelsOfServerConfig(config, (path) => path || 'config', defaults);
    if (errors.length > 0) throw invalidRequest(errors.join('; '));
    const refused = await limitViolations(models, limits());
    if (refused.length > 0) throw invalidRequest(`${refused.join('; ')}; nothing was changed`);
    const names = [...new Set(metricNames)];
    if (names.length > MAX_METRIC_NAMES) {
      throw invalidRequest(`${names.length} metric_names are too many; at most ${MAX_METRIC_NAMES}`);
    }
    for (const warning of warnings) events.onWarning(warning);
    const before = await Promise.all(names.map(counterTotal));
    await reloader.reload(models, { keepsPlatforms: true });
    events.onReloaded(models.map(({ name }) => name));
    const after = await Promise.all(names.map(counterTotal));
    return names.map((name, i) => ({ name, increase: after[i]! - before[i]! }));
  }
}
