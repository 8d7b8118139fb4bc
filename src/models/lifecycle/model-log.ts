/** Log lines of ModelEvents. */
import type { Logger } from '../../ledger/log/log.ts';
import type { VersionState, VersionStatus } from '../serving/servable.ts';
import type { ModelEvents } from './model-events.ts';

export function logModelEvents(logger: Logger): Omit<ModelEvents, 'onForgotten' | 'onListed'> {
  return {
    onTransition: (model, status, from, lastedMs) => logTransition(logger, model, status, from, lastedMs),
    onProgress: (model, version, elapsedMs) =>
      logger.info({ ...of(model, version), elapsed_ms: Math.round(elapsedMs) }, 'model version is still loading'),
    onRetry: (model, version, { error, retry, maxRetries, delayMs }) =>
      logger.warn(
        { ...of(model, version), err: error, retry, max_retries: maxRetries, retry_in_ms: delayMs },
        'model version did not load; it is tried again',
      ),
    onUnloadFailed: (model, version, error) =>
      logger.error({ ...of(model, version), err: error }, 'model version did not close in order'),
    onBlocked: (model, reason, isPassing) => {
      if (reason === undefined) logger.info({ model }, 'model versions found');
      else if (isPassing) logger.info({ model, reason }, `model waits: ${reason}`);
      else logger.warn({ model, reason }, `model waits: ${reason}`);
    },
  };
}

function logTransition(
  logger: Logger,
  model: string,
  { version, state, error }: VersionStatus,
  from: VersionState | undefined,
  lastedMs: number,
): void {
  const lasted = from === undefined ? {} : { from, lasted_ms: Math.round(lastedMs) };
  const fields = { ...of(model, version), state, ...lasted };
  if (error !== undefined) logger.error({ ...fields, err: error }, 'model version failed to load');
  else if (state === 'START') logger.debug(fields, 'model version');
  else logger.info(fields, 'model version');
}

function of(model: string, version: bigint): Readonly<Record<string, unknown>> {
  return { model, version: version.toString() };
}
