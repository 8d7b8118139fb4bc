/** Builds what changes the server's own list of models while it runs: the watch on the models' file. */
import type { ModelConfig } from '../../config/model-config.ts';
import type { ServeConfig } from '../../config/serve-config.ts';
import { systemClock } from '../../core/clock.ts';
import type { FileWatch } from '../../files/file-watch.ts';
import type { Logger } from '../../ledger/log/log.ts';
import { reloadLog } from '../../ledger/log/reload-log.ts';
import { watchModelFile } from '../../models/lifecycle/model-file-watch.ts';
import type { ModelReloader } from '../../models/serving/servable-directory.ts';

interface Reloads {
  /** Undefined if no file lists the models. Start it when the models are ready. */
  readonly fileWatch: FileWatch | undefined;
  readonly ownModels: () => readonly ModelConfig[];
}

export function createReloads(config: ServeConfig, logger: Logger, reloader: ModelReloader): Reloads {
  let ownModels = config.models;
  const ownReloader: ModelReloader = {
    reload: (models, options) => {
      ownModels = models;
      return reloader.reload(models, options);
    },
  };
  return { fileWatch: createModelFileWatch(config, logger, ownReloader), ownModels: () => ownModels };
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
