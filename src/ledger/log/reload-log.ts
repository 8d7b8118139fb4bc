import type { Logger } from './log.ts';

/** Logs new lists of models: events of model-file-watch.ts and of methods. */
export interface ReloadLog {
  onReloaded(models: readonly string[]): void;
  onInvalid(errors: readonly string[]): void;
  onRefused(error: unknown): void;
  onWarning(text: string): void;
}

/** `source` is a file's path or a method's name. */
export function reloadLog(logger: Logger, source: string): ReloadLog {
  const fields = { event: 'models_reload', source };
  return {
    onReloaded: (models) => logger.info({ ...fields, models }, `new list of models from ${source}`),
    onInvalid: (errors) => logger.error({ ...fields, errors }, `${source} is not taken: ${errors.join('; ')}`),
    onRefused: (error) => logger.error({ ...fields, err: error }, `the new list of models from ${source} was refused`),
    onWarning: (text) => logger.warn(fields, text),
  };
}
