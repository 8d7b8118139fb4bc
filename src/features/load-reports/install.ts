/** The load reports that `--load_reports` asks for. */
import process from 'node:process';
import type { Clock } from '../../core/clock.ts';
import type { Installation, LoadReadings } from '../../kernel/installation.ts';
import type { AppTelemetry } from '../../ledger/telemetry.ts';
import type { Surface } from '../../proxy/servers/surface.ts';
import { LoadMeter } from './load-meter.ts';
import { LoadReports } from './load-reports.ts';
import { OrcaService } from './orca-service.ts';

/** `isAlways`: reports are on every answer, and not only on those to callers who ask for one. */
export function installLoadReports(server: Installation, isAlways: boolean): void {
  const { clock, telemetry, surface } = server;
  surface(({ loads }) => {
    let meter: LoadMeter | undefined;
    const figures = () => {
      meter ??= startMeter(loads, clock, telemetry);
      return meter.figures();
    };
    const namesModels = server.access === undefined;
    const reports = new LoadReports({ meter: { figures }, isAlways, namesModels });
    return loadReportSurface(reports, clock);
  });
}

/** Reports on answers, and as a stream of their own. */
export function loadReportSurface(reports: LoadReports, clock: Clock): Surface {
  return { reports, grpc: () => [new OrcaService(reports, clock)] };
}

/** It measures from the first report that somebody asks for: requests cost nothing here if nobody asks. */
function startMeter(loads: LoadReadings, clock: Clock, telemetry: AppTelemetry): LoadMeter {
  const cpuMs = (): number => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1000;
  };
  const meter = new LoadMeter({ ...loads, clock, cpuMs, settle: telemetry.settle, totals: telemetry.metrics.totals });
  telemetry.follow(meter);
  return meter;
}
