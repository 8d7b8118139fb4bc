/** GET /headroom for operators and on --probe_port, and its numbers among the metrics. */
import { jsonPath } from '../../admin/admin-path.ts';
import type { Installation, SurfaceParts } from '../../kernel/installation.ts';
import type { AppTelemetry } from '../../ledger/telemetry.ts';
import type { ModelManager } from '../../models/lifecycle/model-manager.ts';
import { HeadroomMeter, type RunPlace } from './headroom-meter.ts';

/** The objective of a server of which none was configured, in ms. */
const DEFAULT_OBJECTIVE_MS = 1000;

export function installHeadroom(server: Installation): void {
  const { telemetry, surface, adminPaths, service } = server;
  let meter: HeadroomMeter | undefined;
  surface((parts) => {
    const made = createMeter(server, parts);
    meter = made;
    telemetry.follow(made);
    observe(telemetry, made);
    const page = () => ({
      contentType: 'application/json',
      text: `${JSON.stringify(made.read(server.access === undefined))}\n`,
    });
    return { probePages: new Map([['/headroom', page]]) };
  });
  const says = 'how much more traffic it takes, for autoscalers';
  adminPaths(() => [jsonPath('/headroom', says, () => meter!.read(true))]);
  service({ start: () => meter?.start(), close: () => meter?.stop() });
}

function createMeter({ config, clock, telemetry }: Installation, { loads, models }: SurfaceParts): HeadroomMeter {
  const { slo_ms } = config.options;
  return new HeadroomMeter({
    ...{ ...loads, clock, settle: telemetry.settle, totals: telemetry.metrics.totals },
    placeOf: (model) => placeOf(model, models),
    objectiveOf: (model) => models.configOf(model)?.sloMs ?? (slo_ms || undefined),
    objectiveMs: () => objectiveMs(models, slo_ms),
  });
}

/** Makes the gauges for autoscalers that read Prometheus. */
function observe({ metrics: { gauges } }: AppTelemetry, meter: HeadroomMeter): void {
  const load =
    'What is asked for over what the server can do, as /headroom tells it: 1 is full, 2 the most that is told.';
  gauges.observe('pillion_load', load, () => meter.read(false).load);
  gauges.observe('pillion_headroom', '1 - pillion_load, at least 0.', () => meter.read(false).headroom);
}

/** The place of the model's runs; the cores for an unloaded model that had requests lately. */
function placeOf(model: string, models: ModelManager): RunPlace {
  for (const { name, findings } of models.servables()) {
    const { host } = findings;
    if (name === model && host?.kind === 'inline') return host.callsAtOnce ?? 'loop';
  }
  return 'cores';
}

/** The tightest that was configured. */
function objectiveMs(models: ModelManager, serverMs: number): number {
  let least = serverMs || Infinity;
  for (const { name } of models.servables()) least = Math.min(least, models.configOf(name)?.sloMs || Infinity);
  return least === Infinity ? DEFAULT_OBJECTIVE_MS : least;
}
