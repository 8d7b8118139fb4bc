/** Puts HandleReloadConfigRequest beside the other methods of tensorflow.serving.ModelService. */
import { resolve } from 'node:path';
import { directoriesOf, modelRoots } from '../../config/base-path.ts';
import { AUTO_RUNTIME, type ModelConfig } from '../../config/model-config.ts';
import { optionsOf, textOf } from '../../config/options/feature-options.ts';
import type { ServeConfig } from '../../config/serve-config.ts';
import type { Installation } from '../../kernel/installation.ts';
import { reloadLog } from '../../ledger/log/reload-log.ts';
import { RELOAD_OPTIONS } from './options.ts';
import { ReloadHandler } from './reload-handler.ts';
import { type ReloadLimits, writtenBy } from './reload-limits.ts';
import { reloadService } from './reload-service.ts';

export function installReload({ config, logger, telemetry, models: seams, surface }: Installation): void {
  const { enable_reload_rpc } = optionsOf(config, RELOAD_OPTIONS);
  seams.takesLists = enable_reload_rpc;
  surface(({ models, ownModels, audit }) => {
    const handler = new ReloadHandler({
      reloader: models,
      counterTotal: (name) => telemetry.metrics.counterTotal(name),
      defaults: config.modelDefaults,
      limits: () => reloadLimits(ownModels(), seams.backends.kinds, config),
      events: reloadLog(logger, 'HandleReloadConfigRequest'),
      audit,
    });
    return { grpc: (exchange) => [reloadService(enable_reload_rpc ? handler : undefined, exchange)] };
  });
}

/** The roots that a reload may use: the configured ones, else the directories of the configured models. */
function reloadLimits(
  models: readonly ModelConfig[],
  kinds: readonly string[],
  { options }: ServeConfig,
): ReloadLimits {
  const named = models.flatMap((model) => [
    model.backend,
    ...[...(model.featureKeys?.keys() ?? [])].map((key) => key.backendOf(model)),
  ]);
  const written = models.flatMap(writtenBy);
  return {
    runtimes: [...new Set([AUTO_RUNTIME, ...kinds, ...named.filter((kind) => kind !== undefined)])],
    modelRoots: modelRoots(options.model_roots, models),
    writeRoots: (option) => {
      const root = textOf({ options }, option);
      if (root) return [resolve(root)];
      return directoriesOf(written.filter(({ rootOption }) => rootOption === option).map(({ path }) => path));
    },
  };
}
