/** Builds what serves Triton model repositories: the operations on them, and readiness by Triton's rule. */
import type { ServeConfig } from '../../config/serve-config.ts';
import { systemClock } from '../../core/clock.ts';
import type { Logger } from '../../ledger/log/log.ts';
import type { ModelManager } from '../../models/lifecycle/model-manager.ts';
import { ModelRepository } from '../../models/triton/model-repository.ts';

/** Undefined without --model_repository. Start it when the models are ready. */
export function createRepository(
  { repository, options, modelDefaults }: ServeConfig,
  manager: ModelManager,
  logger: Logger,
): ModelRepository | undefined {
  if (repository === undefined) return undefined;
  return new ModelRepository({
    ...repository,
    pollMs: options.repository_poll_secs * 1000,
    defaults: modelDefaults,
    manager,
    clock: systemClock,
    events: {
      onWarning: (text) => logger.warn({ event: 'config_warning' }, text),
      onFailed: (model, error) => logger.warn({ event: 'repository', model, err: error }, 'model of the repository'),
    },
  });
}
