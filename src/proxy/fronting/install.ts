/** Installs the application behind this server: its clients, health, metrics and records. */
import { probeSpareCores, type SpareCores } from '../../backends/host/thread-priority.ts';
import { optionsOf } from '../../config/options/feature-options.ts';
import type { OptionValues } from '../../config/read-options.ts';
import type { ServeConfig } from '../../config/serve-config.ts';
import { systemClock } from '../../core/clock.ts';
import type { Front, FrontParts, Installation } from '../../kernel/installation.ts';
import type { Logger, RootLogger } from '../../ledger/log/log.ts';
import type { Gauges } from '../../ledger/metrics/gauges.ts';
import type { Reading } from '../../ledger/metrics/series.ts';
import type { AppTelemetry } from '../../ledger/telemetry.ts';
import type { MetricsPageMaker } from '../http1/local-replies.ts';
import { healthClient } from '../protocols/health/health-client.ts';
import type { ReadinessGate } from '../readiness.ts';
import { AbandonedIds } from './abandoned-ids.ts';
import {
  type AppAddress,
  type AppKind,
  kindOf,
  parseAppAddress,
  parseAppUrl,
  splitAddresses,
} from './app/app-address.ts';
import { AppClient } from './app/app-client.ts';
import { AppHealth, type AskApp } from './app/app-health.ts';
import { askByHttp } from './app/app-health-http.ts';
import { AppMetrics } from './app/app-metrics.ts';
import { AppSlots } from './app/app-slots.ts';
import { Http1Front } from './front.ts';
import { FrontedApps, type FrontOptions } from './fronted-apps.ts';
import { FrontedDeadlines } from './fronted-deadlines.ts';
import { HeldPlaces } from './held-places.ts';
import { Http2Front } from './http2-front.ts';
import { OpenFronted } from './open-fronted.ts';
import { APP_OPTIONS } from './options.ts';
import type { AppSocket } from './telemetry/app-connections.ts';
import { createFrontedTelemetry } from './telemetry/create-telemetry.ts';
import type { AppLabels } from './telemetry/fronted-metrics.ts';
import type { FrontedTelemetry } from './telemetry/fronted-telemetry.ts';
import { Unbelieved } from './telemetry/unbelieved.ts';
import { UNTAKEN_BYTES, UNTAKEN_HTTP2_BYTES, UntakenAnswers } from './untaken-answers.ts';

type AppOptions = OptionValues<typeof APP_OPTIONS>;

/** Either there is an application, or metrics of one. Its health is asked for only with the former. */
export function installFronting(server: Installation): void {
  const { config, logger, telemetry } = server;
  const options = optionsOf(config, APP_OPTIONS);
  const pages = splitAddresses(options.app_metrics_url);
  if (pages.length > 0) server.metricsPage((own) => own && withAppMetrics(own, pages, telemetry, logger));
  const apps = namedApps(options.app);
  if (apps.length === 0) return;
  if (options.app_first && areCoresSpared(logger)) server.runOnSpareCores();
  const deadlines = new FrontedDeadlines(options.app_refuse_abandoned ? new AbandonedIds(systemClock) : undefined);
  server.carriedDeadlines(deadlines);
  const underWay = new OpenFronted();
  const records = createFrontedTelemetry(
    server,
    apps.map(({ labels }) => labels),
  );
  server.reports.push(records.report);
  const unbelieved = new Unbelieved(logger, telemetry.metrics.registry);
  server.front((parts) =>
    createFront(server, parts, { apps, telemetry: records.telemetry, deadlines, underWay, unbelieved }),
  );
  const looks = createAppHealth(apps, options, server.readiness, logger);
  server.service({
    start: () => {
      for (const { health } of looks) health.start();
    },
    waitsFor: () => looks.flatMap(appWaits),
    underWay: {
      counts: () => ({ app_requests_cut: underWay.requests, tunnels_cut: underWay.tunnels }),
      abandon: () => underWay.abandon(),
    },
    close: () => {
      for (const { health } of looks) health.close();
      records.log.close();
    },
  });
}

/** An application, as `--app` names it. */
interface NamedApp {
  readonly address: AppAddress;
  readonly kind: AppKind;
  /** Tells it from the other in metrics; none if there is one. */
  readonly labels: AppLabels;
}

function namedApps(text: string): readonly NamedApp[] {
  return splitAddresses(text).map((each, _, { length }) => {
    const kind = kindOf(each);
    return { address: parseAppAddress(each), kind, labels: length === 1 ? {} : { app: kind } };
  });
}

/** The one of a kind, or the only one. */
function appFor<T extends { readonly kind: AppKind }>(kind: AppKind, apps: readonly T[]): T {
  return apps.find((each) => each.kind === kind) ?? apps[0]!;
}

interface Fronted {
  readonly apps: readonly NamedApp[];
  readonly telemetry: FrontedTelemetry;
  readonly deadlines: FrontedDeadlines;
  readonly underWay: OpenFronted;
  readonly unbelieved: Unbelieved;
}

function createFront(server: Installation, parts: FrontParts, fronted: Fronted): Front {
  const { config, logger } = server;
  const { app } = optionsOf(config, APP_OPTIONS);
  const ways = fronted.apps.map(({ kind, labels }, i) => ({ kind, labels, way: createWay(server, parts, fronted, i) }));
  observeSlots(ways, server.telemetry.metrics.gauges);
  const apps = new FrontedApps(appFor('http', ways).way, appFor('grpc', ways).way);
  return {
    http1: (commonHeaders) => new Http1Front(apps, { clock: systemClock, commonHeaders }),
    // The REST surface's paths are not the application's over HTTP/2 either.
    http2: new Http2Front(apps, parts.isOurs),
    opened: (places, services) => logFronting({ app, places, services }, config, logger),
  };
}

/** The way to the application with the number `app`. The connections that there may be are shared evenly. */
function createWay(
  { config, telemetry: { propagation } }: Installation,
  { callers, unsent, maxConnections: most }: FrontParts,
  { apps, telemetry, deadlines, underWay, unbelieved }: Fronted,
  app: number,
): FrontOptions {
  const { app_client_certificate: tellsCertificate, app_max_concurrency: max } = optionsOf(config, APP_OPTIONS);
  const onSocket = (socket: AppSocket): void => telemetry.follow(socket, app);
  const maxConnections = Math.max(1, Math.floor(most / apps.length));
  const client = new AppClient(apps[app]!.address, { onSocket, maxConnections });
  const slots = max === 0 ? undefined : new AppSlots({ clock: systemClock, app: client.address.text, max });
  const { body_read_timeout_s: paceS } = config.options;
  const hasPace = slots !== undefined && paceS > 0;
  return {
    ...{
      clock: systemClock,
      app: client,
      tellsCertificate,
      deadlines,
      telemetry,
      slots,
      callers,
      underWay,
      unbelieved,
      propagation,
    },
    places: hasPace ? new HeldPlaces(systemClock, paceS, () => slots.waiting > 0) : undefined,
    untaken: new UntakenAnswers(unsent, client.isHttp2 ? UNTAKEN_HTTP2_BYTES : UNTAKEN_BYTES),
  };
}

function observeSlots(
  ways: readonly { readonly labels: AppLabels; readonly way: FrontOptions }[],
  gauges: Gauges,
): void {
  const readings = (read: (slots: AppSlots) => number) => (): Reading[] =>
    ways.flatMap(({ labels, way: { slots } }) => (slots === undefined ? [] : [{ labels, value: read(slots) }]));
  if (ways.every(({ way }) => way.slots === undefined)) return;
  const running = 'Requests that the application has now, of those that --app_max_concurrency allows.';
  gauges.observeEach(
    'pillion_app_running_requests',
    running,
    readings((slots) => slots.inside),
  );
  const waiting = 'Requests that wait until the application has fewer.';
  gauges.observeEach(
    'pillion_app_waiting_requests',
    waiting,
    readings((slots) => slots.waiting),
  );
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

/** The health of an application that is looked at. */
interface LookedAt {
  readonly app: string;
  readonly health: AppHealth;
}

/** Those whose health is asked for: a path is HTTP's, a service gRPC's. Not ready until all of them are well. */
function createAppHealth(
  apps: readonly NamedApp[],
  options: AppOptions,
  readiness: ReadinessGate,
  logger: RootLogger,
): readonly LookedAt[] {
  const { app_health_path: path, app_health_service: service } = options;
  const looks: LookedAt[] = [];
  const look = (kind: AppKind, asked: object, askAt: (address: AppAddress) => AskApp): void => {
    const { address } = appFor(kind, apps);
    const app = address.text;
    const onChange = (isWell: boolean, why: string): void => {
      readiness.setAppReady(looks.every(({ health }) => health.problem === undefined));
      const facts = { event: isWell ? 'app_well' : 'app_not_well', app, ...asked, answer: why };
      if (isWell) logger.info(facts, 'the application is well');
      else logger.warn(facts, 'the application is not well: this server is not ready until it is');
    };
    const { app_health_interval_ms: intervalMs, app_health_failures: failures } = options;
    looks.push({
      app,
      health: new AppHealth({ clock: systemClock, ask: askAt(address), intervalMs, failures, onChange }),
    });
  };
  if (path !== '') look('http', { path }, (address) => askByHttp(address, path));
  if (service !== '') look('grpc', { service }, (address) => healthClient(address, service === '*' ? '' : service));
  if (looks.length > 0) readiness.setAppReady(false);
  return looks;
}

/** `own`, with the metrics of applications behind it, page by page. */
function withAppMetrics(
  own: MetricsPageMaker,
  urls: readonly string[],
  { metrics: { gauges } }: AppTelemetry,
  logger: RootLogger,
): MetricsPageMaker {
  const pages: { readonly labels: AppLabels; readonly metrics: AppMetrics }[] = [];
  for (const url of urls) {
    const before = pages.at(-1)?.metrics;
    const metrics = appMetrics(before === undefined ? own : (accept) => before.page(accept), url, logger);
    pages.push({ labels: urls.length === 1 ? {} : { url }, metrics });
  }
  const up = '1 if the last page of metrics had those of the application, as --app_metrics_url asks.';
  gauges.observeEach('pillion_app_metrics_up', up, () =>
    pages.map(({ labels, metrics }) => ({ labels, value: Number(metrics.isUp) })),
  );
  const dropped = 'Metrics of the application’s that the last page left out, as this server has some of their names.';
  gauges.observeEach('pillion_app_metrics_dropped', dropped, () =>
    pages.map(({ labels, metrics }) => ({ labels, value: metrics.dropped })),
  );
  return (accept) => pages.at(-1)!.metrics.page(accept);
}

function appMetrics(own: MetricsPageMaker, url: string, logger: RootLogger): AppMetrics {
  return new AppMetrics({
    ...{ ...parseAppUrl(url), clock: systemClock, own },
    onChange: (isUp, why) => {
      if (isUp) logger.info({ event: 'app_metrics_up', url }, "the application's metrics are served again");
      else logger.warn({ event: 'app_metrics_down', url, why }, "the application's metrics cannot be served");
    },
    onDropped: (names) =>
      logger.warn({ event: 'app_metrics_dropped', url, names }, "metrics of the application's with names of ours"),
  });
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
function appWaits({ app, health: { problem } }: LookedAt): readonly string[] {
  return problem === undefined ? [] : [`the application at ${app} is not well: ${problem}`];
}
