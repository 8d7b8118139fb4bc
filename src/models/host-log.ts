/** Log lines of where models run: how they were placed, what became of their workers, what their processes print. */
import type { Clock } from '../core/clock.ts';
import { LineLimiter } from '../telemetry/line-limiter.ts';
import type { Logger } from '../telemetry/log.ts';
import type { HostEvents } from './load-servable.ts';
import { runtimeLog } from './runtimes/runtime-log.ts';
import { shadowLog } from './shadow/shadow-log.ts';

/** Of one model's processes: more than that is a runtime that says the same again and again. */
const LINES_PER_SECOND = 10;

export function logHostEvents(logger: Logger, clock: Clock): HostEvents {
  const of = (model: string, version: bigint) => ({ model, version: version.toString() });
  const limiter = new LineLimiter({
    clock,
    windowMs: 1000,
    linesPerWindow: LINES_PER_SECOND,
    onSuppressed: (model, lines) =>
      logger.warn({ model, lines }, 'its process printed more in the last second; those lines are left out'),
  });
  return {
    onHost: (model, version, { kind, reason }) =>
      logger.info({ ...of(model, version), host: kind, reason }, `runs ${kind}: ${reason}`),
    onRuntime: runtimeLog(logger),
    onShadow: shadowLog(logger, clock),
    onMove: (model, version, { isDone, reason }) =>
      logger.warn({ ...of(model, version), reason }, isDone ? 'moved to threads' : 'could not move to threads'),
    onWorkerEvent: (model, version, { what, slot, reason }) =>
      logger.warn({ ...of(model, version), slot, reason }, `worker ${what}`),
    onOutput: (model, version, line) => {
      if (limiter.allow(model)) logger.info({ ...of(model, version), output: line }, `${model}: ${line}`);
    },
    onBreaker: (model, version, state, reason) =>
      logger[state === 'open' ? 'warn' : 'info'](
        { ...of(model, version), event: 'breaker', breaker: state, reason },
        `circuit breaker ${state.replace('_', ' ')}`,
      ),
    onWarning: (model, version, text) => logger.warn({ ...of(model, version), event: 'config_warning' }, text),
  };
}
