/** Log lines of where models run: how they were placed, what became of their workers, what their processes print. */
import type { OnGroupOutput } from '../../backends/host/process/process-group.ts';
import type { Clock } from '../../core/clock.ts';
import { LineLimiter } from '../../telemetry/log/line-limiter.ts';
import type { Logger } from '../../telemetry/log/log.ts';
import { parseTraceparent } from '../../telemetry/tracing/propagation.ts';
import { runtimeLog } from '../runtimes/runtime-log.ts';
import { shadowLog } from '../shadow/shadow-log.ts';
import type { HostEvents } from './load-options.ts';

/** Of one model's processes: more than that is a runtime that says the same again and again. */
const LINES_PER_SECOND = 10;

const LEFT_OUT = 'its process printed more in the last second; those lines are left out';

/** Lines of processes that several models share. */
export function logGroupOutput(logger: Logger, clock: Clock): OnGroupOutput {
  const limiter = outputLimiter(clock, (group, lines) => logger.warn({ process_group: group, lines }, LEFT_OUT));
  return (group, line) => {
    if (limiter.allow(group)) logger.info({ process_group: group, output: line }, `group ${group}: ${line}`);
  };
}

export function logHostEvents(logger: Logger, clock: Clock): HostEvents {
  const of = (model: string, version: bigint) => ({ model, version: version.toString() });
  const limiter = outputLimiter(clock, (model, lines) => logger.warn({ model, lines }, LEFT_OUT));
  return {
    onHost: (model, version, { kind, reason }) =>
      logger.info({ ...of(model, version), host: kind, reason }, `runs ${kind}: ${reason}`),
    onRuntime: runtimeLog(logger),
    onShadow: shadowLog(logger, clock),
    onMove: (model, version, { isDone, reason }) =>
      logger.warn({ ...of(model, version), reason }, isDone ? 'moved to threads' : 'could not move to threads'),
    onWorkerEvent: (model, version, { what, slot, reason, traceparent }) =>
      logger.warn({ ...of(model, version), slot, reason, ...traceOf(traceparent) }, `worker ${what}`),
    onOutput: (model, version, line, traceparent) => {
      if (!limiter.allow(model)) return;
      logger.info({ ...of(model, version), ...traceOf(traceparent), output: line }, `${model}: ${line}`);
    },
    onBreaker: (model, version, state, reason) =>
      logger[state === 'open' ? 'warn' : 'info'](
        { ...of(model, version), event: 'breaker', breaker: state, reason },
        `circuit breaker ${state.replace('_', ' ')}`,
      ),
    onWarning: (model, version, text) => logger.warn({ ...of(model, version), event: 'config_warning' }, text),
  };
}

function outputLimiter(clock: Clock, onSuppressed: (of: string, lines: number) => void): LineLimiter {
  return new LineLimiter({ clock, windowMs: 1000, linesPerWindow: LINES_PER_SECOND, onSuppressed });
}

/** As request lines have it. */
function traceOf(traceparent: string | undefined): { readonly trace_id?: string; readonly span_id?: string } {
  const trace = traceparent === undefined ? undefined : parseTraceparent(traceparent);
  return trace === undefined ? {} : { trace_id: trace.traceId, span_id: trace.spanId };
}
