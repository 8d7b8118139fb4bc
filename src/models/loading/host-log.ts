/**
 * Log lines of the hosts that models run on: the chosen host, workers' events, output of their processes.
 */
import type { OnGroupOutput } from '../../backends/host/process/process-group.ts';
import type { Clock } from '../../core/clock.ts';
import { LineLimiter } from '../../ledger/log/line-limiter.ts';
import type { Logger } from '../../ledger/log/log.ts';
import { parseTraceparent } from '../../ledger/tracing/propagation.ts';
import type { HostEvents } from './load-options.ts';

/** The most lines of a model's processes that are logged each second. */
const LINES_PER_SECOND = 10;

const SUPPRESSED = 'its process printed more in the last second; those lines are left out';

/** Logs the output of processes that several models share. */
export function logGroupOutput(logger: Logger, clock: Clock): OnGroupOutput {
  const limiter = outputLimiter(clock, (group, lines) => logger.warn({ process_group: group, lines }, SUPPRESSED));
  return (group, line) => {
    if (limiter.allow(group)) logger.info({ process_group: group, output: line }, `group ${group}: ${line}`);
  };
}

export function logHostEvents(logger: Logger, clock: Clock): HostEvents {
  const of = (model: string, version: bigint) => ({ model, version: version.toString() });
  const limiter = outputLimiter(clock, (model, lines) => logger.warn({ model, lines }, SUPPRESSED));
  return {
    onHost: (model, version, { kind, reason }) =>
      logger.info({ ...of(model, version), host: kind, reason }, `runs ${kind}: ${reason}`),
    onPlan: (model, version, { what, plans, reason }) =>
      logger[what === 'not_grown' ? 'warn' : 'info'](
        { event: 'plan', ...of(model, version), what, plans, reason },
        reason,
      ),
    onMove: (model, version, { isDone, reason }) =>
      logger.warn({ ...of(model, version), reason }, isDone ? 'moved to threads' : 'could not move to threads'),
    onWorkerEvent: (model, version, { what, slot, reason, traceparent, isQuarantine }) =>
      logger[what === 'lost' || what === 'given_up' ? 'error' : 'warn'](
        { ...of(model, version), slot, reason, ...(isQuarantine && { quarantine: true }), ...traceOf(traceparent) },
        `worker ${what}`,
      ),
    onOutput: (model, version, line, traceparent) => {
      if (!limiter.allow(model)) return;
      logger.info({ ...of(model, version), ...traceOf(traceparent), output: line }, `${model}: ${line}`);
    },
    onNotes: (model, version, notes) => {
      for (const note of notes) {
        if (note.kind !== 'log' || !limiter.allow(model)) continue;
        logger[note.level]({ event: 'backend', ...of(model, version) }, note.text);
      }
    },
    onBreaker: (model, version, state, reason) =>
      logger[state === 'open' ? 'warn' : 'info'](
        { ...of(model, version), event: 'breaker', breaker: state, reason },
        `circuit breaker ${state.replace('_', ' ')}`,
      ),
    onBatchAxis: (model, version, signature, { kind, reason, fix }) =>
      logger.info(
        { event: 'batch_axis', ...of(model, version), signature, batch_axis: kind, reason, ...(fix && { fix }) },
        kind === 'none' ? `requests are not batched: ${reason}` : `requests are batched: ${reason}`,
      ),
    onWarning: (model, version, text) => logger.warn({ ...of(model, version), event: 'config_warning' }, text),
  };
}

function outputLimiter(clock: Clock, onSuppressed: (of: string, lines: number) => void): LineLimiter {
  return new LineLimiter({ clock, windowMs: 1000, linesPerWindow: LINES_PER_SECOND, onSuppressed });
}

/** The same fields as in log lines of requests. */
function traceOf(traceparent: string | undefined): { readonly trace_id?: string; readonly span_id?: string } {
  const trace = traceparent === undefined ? undefined : parseTraceparent(traceparent);
  return trace === undefined ? {} : { trace_id: trace.traceId, span_id: trace.spanId };
}
