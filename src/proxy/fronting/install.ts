/** Installs the application behind this server: its clients, health, metrics and records. */
import { probeSpareCores, type SpareCores } from '../../backends/host/thread-priority.ts';
import { optionsOf } from '../../config/options/feature-options.ts';
import type { OptionValues } from '../../config/read-options.ts';
import type { ServeConfig } from '../../config/serve-config.ts';
import { systemClock } from '../../core/clock.ts';
import type { Front, FrontParts, Installation } from '../../kernel/installation.ts';
import type { Logger, RootLogger } from '../../ledger/log/log.ts';
import type { Gauges } from '../../ledger/metrics/gauges.ts';
import type { AppTelemetry } from '../../ledger/telemetry.ts';
import type { MetricsPageMaker } from '../http1/local-replies.ts';
import { healthClient } from '../protocols/health/health-client.ts';
import type { ReadinessGate } from '../readiness.ts';
import { parseAppAddress, parseAppUrl } from './app/app-address.ts';
import { AppClient } from './app/app-client.ts';
import { AppHealth } from './app/app-health.ts';
import { askByHttp } from './app/app-health-http.ts';
import { AppMetrics } from './app/app-metrics.ts';
import { AppSlots } from './app/app-slots.ts';
import { type FrontOptions, Http1Front } from './front.ts';
import { FrontedDeadlines } from './fronted-deadlines.ts';
import { HeldPlaces } from './held-places.ts';
import { Http2Front } from './http2-front.ts';
import { OpenFronted } from './open-fronted.ts';
import { APP_OPTIONS } from './options.ts';
import type { AppSocket } from './telemetry/app-connections.ts';
import { createFrontedTelemetry } from './telemetry/create-telemetry.ts';
import type { FrontedTelemetry } from './telemetry/fronted-telemetry.ts';
import { UNTAKEN_BYTES, UNTAKEN_HTTP2_BYTES, UntakenAnswers } from './untaken-answers.ts';

type AppOptions = OptionValues<typeof APP_OPTIONS>;

/** Either there is an application, or metrics of one. Its health is asked for only with the former. */
export function installFronting(server: Installation): void {
  const { config, logger, telemetry } = server;
  const options = optionsOf(config, APP_OPTIONS);
  if (options.app_metrics_url !== '')
    server.metricsPage((own) => own && withAppMetrics(own, options, telemetry, logger));
  if (options.app === '') return;
  if (options.app_first && areCoresSpared(logger)) server.runOnSpareCores();
  const deadlines = new FrontedDeadlines();
  server.carriedDeadlines(deadlines);
  const underWay = new OpenFronted();
  const records = createFrontedTelemetry(server);
  server.front((parts) => createFront(server, parts, { telemetry: records.telemetry, deadlines, underWay }));
  const health = createAppHealth(options, server.readiness, logger);
  server.service({
    start: () => health?.start(),
    waitsFor: () => appWaits(health, options.app),
    underWay: {
      counts: () => ({ app_requests_cut: underWay.requests, tunnels_cut: underWay.tunnels }),
      abandon: () => underWay.abandon(),
    },
    close: () => {
      health?.close();
      records.log.close();
    },
  });
}

interface Fronted {
  readonly telemetry: FrontedTelemetry;
  readonly deadlines: FrontedDeadlines;
  readonly underWay: OpenFronted;
}

function createFront(server: Installation, parts: FrontParts, fronted: Fronted): Front {
  const { config, logger } = server;
  const { options } = config;
  const { app, app_trust_forwarded: trustsForwarded, app_max_concurrency: max } = optionsOf(config, APP_OPTIONS);
  const { callers, unsent, maxConnections, isOurs } = parts;
  const { telemetry, deadlines, underWay } = fronted;
  const onSocket = (socket: AppSocket): void => telemetry.follow(socket);
  const client = new AppClient(parseAppAddress(app), { onSocket, maxConnections });
  const slots = max === 0 ? undefined : new AppSlots({ clock: systemClock, app: client.address.text, max });
  if (slots !== undefined) observeSlots(slots, server.telemetry.metrics.gauges);
  const { body_read_timeout_s: paceS } = options;
  const hasPace = slots !== undefined && paceS > 0;
  const shared: FrontOptions = {
    ...{ clock: systemClock, app: client, trustsForwarded, deadlines, telemetry, slots, callers, underWay },
    propagation: server.telemetry.propagation,
    places: hasPace ? new HeldPlaces(systemClock, paceS, () => slots.waiting > 0) : undefined,
    untaken: new UntakenAnswers(unsent, client.isHttp2 ? UNTAKEN_HTTP2_BYTES : UNTAKEN_BYTES),
  };
  return {
    http1: (commonHeaders) => new Http1Front(shared, commonHeaders),
    // The REST surface's paths are not the application's over HTTP/2 either.
    http2: new Http2Front(shared, isOurs),
    opened: (places, services) => logFronting({ app, places, services }, config, logger),
  };
}

function observeSlots(slots: AppSlots, gauges: Gauges): void {
  const running = 'Requests that the application has now, of those that --app_max_concurrency allows.';
  gauges.observe('pillion_app_running_requests', running, () => slots.inside);
  const waiting = 'Requests that wait until the application has fewer.';
  gauges.observe('pillion_app_waiting_requests', waiting, () => slots.waiting);
}

const SPARE_CORES: Readonly<Record<SpareCores, string>> = {
  idle: 'runs give way to the application at once',
  lowest_nice: 'runs give way to the application by the lowest nice value: chrt is missing or may not set SCHED_IDLE',
  unchanged: 'runs have their usual priority beside the application: there is one core, or this is not Linux',
};

/** Models run on the cores that an application leaves. Logs how far that is possible here; false = not at all. */
function areCoresSpared(logger: Logger): boolean {
  const runs = probeSpareCores();
  const facts = { event: 'app_first', runs };
  if (runs === 'idle') logger.info(facts, SPARE_CORES[runs]);
  else logger.warn(facts, SPARE_CORES[runs]);
  return runs !== 'unchanged';
}

/** Undefined if the application's health is not asked for. Not ready until the application is well. */
function createAppHealth(options: AppOptions, readiness: ReadinessGate, logger: RootLogger): AppHealth | undefined {
  const { app, app_health_path: path, app_health_service: service } = options;
  if (path === '' && service === '') return undefined;
  const address = parseAppAddress(app);
  readiness.setAppReady(false);
  return new AppHealth({
    clock: systemClock,
    ask: path === '' ? healthClient(address, service === '*' ? '' : service) : askByHttp(address, path),
    intervalMs: options.app_health_interval_ms,
    failures: options.app_health_failures,
    onChange: (isWell, why) => {
      readiness.setAppReady(isWell);
      const asked = path === '' ? { service } : { path };
      const facts = { event: isWell ? 'app_well' : 'app_not_well', app, ...asked, answer: why };
      if (isWell) logger.info(facts, 'the application is well');
      else logger.warn(facts, 'the application is not well: this server is not ready until it is');
    },
  });
}

/** `own`, with the application's metrics behind it. */
function withAppMetrics(
  own: MetricsPageMaker,
  { app_metrics_url: url }: AppOptions,
  { metrics: { gauges } }: AppTelemetry,
  logger: RootLogger,
): MetricsPageMaker {
  const metrics = new AppMetrics({
    ...{ ...parseAppUrl(url), clock: systemClock, own },
    onChange: (isUp, why) => {
      if (isUp) logger.info({ event: 'app_metrics_up', url }, "the application's metrics are served again");
      else logger.warn({ event: 'app_metrics_down', url, why }, "the application's metrics cannot be served");
    },
    onDropped: (names) =>
      logger.warn({ event: 'app_metrics_dropped', url, names }, "metrics of the application's with names of ours"),
  });
  const up = '1 if the last page of metrics had those of the application, as --app_metrics_url asks.';
  gauges.observe('pillion_app_metrics_up', up, () => Number(metrics.isUp));
  const dropped = 'Metrics of the application’s that the last page left out, as this server has some of their names.';
  gauges.observe('pillion_app_metrics_dropped', dropped, () => metrics.dropped);
  return (accept) => metrics.page(accept);
}

/** The paths and services that a server in front of an application keeps for itself. */
interface Kept {
  readonly app: string;
  /** The kept paths of the REST port. */
  readonly places: readonly string[];
  /** The kept services of the gRPC port. */
  readonly services: readonly string[];
}

/** Says at the start what is not the application's. */
function logFronting({ app, places, services }: Kept, { metricsPath }: ServeConfig, logger: Logger): void {
  const metrics = metricsPath === undefined ? [] : [metricsPath];
  const facts = { app, paths: [...places, ...metrics], services };
  logger.info(
    { event: 'fronting', ...facts },
    "these paths and services are this server's; other paths go to the application",
  );
}

/** One line, or none, for whoever asks why this server is not ready. */
function appWaits(health: AppHealth | undefined, app: string): readonly string[] {
  const problem = health?.problem;
  return problem === undefined ? [] : [`the application at ${app} is not well: ${problem}`];
}
