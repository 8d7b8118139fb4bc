/** Builds what changes the list of models while the server runs: the watch on the models' file, and the gRPC method. */
import { resolve } from 'node:path';
import { directoriesOf, modelRoots } from '../../config/base-path.ts';
import { AUTO_RUNTIME, type ModelConfig } from '../../config/model-config.ts';
import { textOf } from '../../config/options/feature-options.ts';
import type { ServeOptions } from '../../config/options/serve-options.ts';
import type { ServeConfig } from '../../config/serve-config.ts';
import { systemClock } from '../../core/clock.ts';
import type { FileWatch } from '../../files/file-watch.ts';
import type { AuditLog } from '../../ledger/log/audit-log.ts';
import type { Logger } from '../../ledger/log/log.ts';
import { reloadLog } from '../../ledger/log/reload-log.ts';
import type { Metrics } from '../../ledger/metrics/metrics.ts';
import { watchModelFile } from '../../models/lifecycle/model-file-watch.ts';
import type { ModelReloader } from '../../models/serving/servable-directory.ts';
import { ReloadHandler } from '../../proxy/handlers/reload.ts';
import { type ReloadLimits, writtenBy } from '../../proxy/handlers/reload-limits.ts';

interface Reloads {
  /** Undefined if no file lists the models. Start it when the models are ready. */
  readonly fileWatch: FileWatch | undefined;
  /** Undefined if clients may not reload. */
  readonly handler: ReloadHandler | undefined;
}

export function createReloads(
  config: ServeConfig,
  logger: Logger,
  reloader: ModelReloader,
  metrics: Metrics,
  audit: AuditLog | undefined,
  runtimes: readonly string[],
): Reloads {
  /** The last list from the command line or the file, which HandleReloadConfigRequest does not change. */
  let ownModels = config.models;
  const ownReloader: ModelReloader = {
    reload: (models, options) => {
      ownModels = models;
      return reloader.reload(models, options);
    },
  };
  return {
    fileWatch: createModelFileWatch(config, logger, ownReloader),
    handler: createReloadHandler(config, logger, reloader, metrics, audit, () => ({ ownModels, runtimes })),
  };
}

function createModelFileWatch(
  { modelFile: file, options }: ServeConfig,
  logger: Logger,
  reloader: ModelReloader,
): FileWatch | undefined {
  const pollMs = options.model_config_file_poll_wait_seconds * 1000;
  if (file === undefined) return undefined;
  return watchModelFile({ file, pollMs, clock: systemClock, reloader, events: reloadLog(logger, file.path) });
}

type Phase = 'starting' | 'serving' | 'ending';

const NOT_NOW = {
  starting: 'the models of the start still load',
  serving: 'no file lists the models, and no file holds certificates, so there is nothing to read anew',
  ending: 'the server ends',
} satisfies Record<Phase, string>;

/** The files that SIGHUP reads again; undefined = there is none. */
interface Rereads {
  readonly models: FileWatch | undefined;
  readonly certificates: FileWatch | undefined;
}

/** The answer to SIGHUP: reads the files again, or logs why not. */
export function createReread({ models, certificates }: Rereads, logger: Logger): (phase: Phase) => void {
  const reread = (what: string, watch: { reread(): Promise<void> } | undefined): (() => void) | undefined =>
    watch &&
    oneAtATime(() => {
      logger.info({ event: 'reread' }, `SIGHUP: reading ${what}`);
      return watch.reread();
    });
  const readModels = reread('the file that lists the models', models);
  const readCertificates = reread('key and certificates', certificates);
  return (phase) => {
    const reads = { starting: [readCertificates], serving: [readModels, readCertificates], ending: [] }[phase];
    if (reads.every((read) => read === undefined)) {
      logger.info({ event: 'reread' }, `SIGHUP is ignored: ${NOT_NOW[phase]}`);
    }
    for (const read of reads) read?.();
  };
}

/** Runs `work`, which must not reject, when asked. However often it is asked during a run, one more run follows. */
function oneAtATime(work: () => Promise<void>): () => void {
  let isRunning = false;
  let isAskedAgain = false;
  return async () => {
    isAskedAgain = true;
    if (isRunning) return;
    isRunning = true;
    while (isAskedAgain) {
      isAskedAgain = false;
      await work();
    }
    isRunning = false;
  };
}

/** The models that the server's own configuration lists now, and the kinds of its backends. */
type Allowed = () => { readonly ownModels: readonly ModelConfig[]; readonly runtimes: readonly string[] };

function createReloadHandler(
  { options, modelDefaults }: ServeConfig,
  logger: Logger,
  reloader: ModelReloader,
  metrics: Metrics,
  audit: AuditLog | undefined,
  allowed: Allowed,
): ReloadHandler | undefined {
  if (!options.enable_reload_rpc) return undefined;
  return new ReloadHandler({
    reloader,
    counterTotal: (name) => metrics.counterTotal(name),
    defaults: modelDefaults,
    limits: () => reloadLimits(allowed(), options),
    events: reloadLog(logger, 'HandleReloadConfigRequest'),
    audit,
  });
}

/** The roots that a reload may use: the configured ones, else the directories of the configured models. */
function reloadLimits({ ownModels: models, runtimes }: ReturnType<Allowed>, options: ServeOptions): ReloadLimits {
  const named = models.flatMap((model) => [
    model.backend,
    ...[...(model.featureKeys?.keys() ?? [])].map((key) => key.backendOf(model)),
  ]);
  const written = models.flatMap(writtenBy);
  return {
    runtimes: [...new Set([AUTO_RUNTIME, ...runtimes, ...named.filter((kind) => kind !== undefined)])],
    modelRoots: modelRoots(options.model_roots, models),
    writeRoots: (option) => {
      const root = textOf({ options }, option);
      if (root) return [resolve(root)];
      return directoriesOf(written.filter(({ rootOption }) => rootOption === option).map(({ path }) => path));
    },
  };
}
