import type { Clock } from '../../../core/clock.ts';
import type { Logger } from '../../../ledger/log/log.ts';
import type { AppTelemetry } from '../../../ledger/telemetry.ts';
import { RpcAttributes } from '../../../ledger/tracing/rpc-attributes.ts';
import { childContext } from '../../../ledger/tracing/trace-context.ts';
import { AppReport } from './app-report.ts';
import { FrontedLog } from './fronted-log.ts';
import { type AppLabels, FrontedMetrics } from './fronted-metrics.ts';
import { FrontedSpans } from './fronted-spans.ts';
import { FrontedTelemetry } from './fronted-telemetry.ts';
import { GrpcMethods } from './grpc-methods.ts';

interface TelemetryParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly telemetry: AppTelemetry;
  readonly environment: Readonly<Record<string, string | undefined>>;
}

/** The records of the application's requests, with the metrics, the log and the spans that are made of them. */
export function createFrontedTelemetry(
  { clock, logger, telemetry, environment }: TelemetryParts,
  apps: readonly AppLabels[] = [{}],
): {
  readonly telemetry: FrontedTelemetry;
  /** The resources to close at the end. */
  readonly log: FrontedLog;
  readonly report: AppReport;
} {
  const log = new FrontedLog({ logger, clock, traceUrl: telemetry.traceUrl.bind(telemetry) });
  const spans = new FrontedSpans(clock, new RpcAttributes(environment));
  const methods = new GrpcMethods();
  const fronted = new FrontedTelemetry({
    clock,
    startTrace: (caller) => telemetry.startTrace(caller),
    startSent: (server) => (telemetry.sampling === undefined ? undefined : childContext(server)),
    apps: apps.length,
    onConnect: (isMade, app) => metrics.recordConnect(isMade, app),
    onEnd: (record) =>
      telemetry.recordForwarded(record, () => {
        const { trace, route } = record;
        if (route === 'grpc') record.rpcMethod = methods.nameOf(record);
        metrics.record(record, trace?.isSampled === true ? trace.traceId : undefined);
        log.write(record);
        report.record(record);
        telemetry.makeSpans((output) => spans.make(record, output));
      }),
  });
  const metrics = new FrontedMetrics(telemetry.metrics.registry, fronted, apps);
  const report = new AppReport(clock, fronted);
  return { telemetry: fronted, log, report };
}
