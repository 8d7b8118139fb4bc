/** Wiring of what changes the list of models while the server runs: the file that lists them, and gRPC. */
import type { ServeConfig } from './config/serve-config.ts';
import { systemClock } from './core/clock.ts';
import { ModelFileWatch } from './models/model-file-watch.ts';
import type { ModelReloader } from './models/servable-directory.ts';
import { ReloadHandler } from './proxy/handlers/reload.ts';
import type { Logger } from './telemetry/log.ts';
import type { Metrics } from './telemetry/metrics.ts';
import { reloadLog } from './telemetry/reload-log.ts';

/** Undefined if no file lists the models, or nobody wants it looked at. Start it once the models are up. */
export function createModelFileWatch(
  { modelFile: file, options }: ServeConfig,
  logger: Logger,
  reloader: ModelReloader,
): ModelFileWatch | undefined {
  const pollMs = options.model_config_file_poll_wait_seconds * 1000;
  if (file === undefined || pollMs === 0) return undefined;
  return new ModelFileWatch({ file, pollMs, clock: systemClock, reloader, events: reloadLog(logger, file.path) });
}

/** Undefined if clients may not reload. */
export function createReloadHandler(
  { options }: ServeConfig,
  logger: Logger,
  reloader: ModelReloader,
  metrics: Metrics,
): ReloadHandler | undefined {
  if (!options.enable_reload_rpc) return undefined;
  return new ReloadHandler({
    reloader,
    counterTotal: (name) => metrics.counterTotal(name),
    defaults: { executionProvider: options.execution_provider },
    events: reloadLog(logger, 'HandleReloadConfigRequest'),
  });
}
