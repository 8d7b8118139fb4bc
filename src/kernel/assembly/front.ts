/** The application that this server fronts, and its health. */
import { probeSpareCores, type SpareCores } from '../../backends/host/thread-priority.ts';
import type { ServeOptions } from '../../config/options/serve-options.ts';
import type { ServeConfig } from '../../config/serve-config.ts';
import { systemClock } from '../../core/clock.ts';
import type { UnsentBytes } from '../../core/unsent-bytes.ts';
import type { Callers } from '../../proxy/caller.ts';
import type { FrontedDeadlines } from '../../proxy/fronted-deadlines.ts';
import { parseAppAddress, parseAppUrl } from '../../proxy/fronting/app/app-address.ts';
import { AppClient } from '../../proxy/fronting/app/app-client.ts';
import { AppHealth } from '../../proxy/fronting/app/app-health.ts';
import { askByHttp } from '../../proxy/fronting/app/app-health-http.ts';
import { AppMetrics } from '../../proxy/fronting/app/app-metrics.ts';
import { AppSlots } from '../../proxy/fronting/app/app-slots.ts';
import type { FrontOptions } from '../../proxy/fronting/front.ts';
import { HeldPlaces } from '../../proxy/fronting/held-places.ts';
import { Http2Front } from '../../proxy/fronting/http2-front.ts';
import { OpenFronted } from '../../proxy/fronting/open-fronted.ts';
import { UNTAKEN_BYTES, UNTAKEN_HTTP2_BYTES, UntakenAnswers } from '../../proxy/fronting/untaken-answers.ts';
import type { StreamFront } from '../../proxy/grpc/pillion-engine.ts';
import { healthClient } from '../../proxy/protocols/health/health-client.ts';
import type { ReadinessGate } from '../../proxy/readiness.ts';
import type { RestMatcher } from '../../proxy/servers/rest-routes.ts';
import type { Logger, RootLogger } from '../../telemetry/log/log.ts';
import type { MetricsPage } from '../../telemetry/metrics/exposition.ts';
import type { Gauges } from '../../telemetry/metrics/gauges.ts';
import type { AppTelemetry } from '../../telemetry/telemetry.ts';
import { capsOf } from './entrances.ts';

/** What of the inference surfaces counts for requests of the application as well. */
interface SharedParts {
  /** Where the deadlines of open requests are looked up. */
  readonly deadlines: FrontedDeadlines;
  readonly callers: Callers;
  readonly unsent: UnsentBytes;
}

/** Undefined without --app. */
export function createFront(
  options: ServeOptions,
  { fronted: telemetry, metrics }: AppTelemetry,
  { deadlines, callers, unsent }: SharedParts,
): FrontOptions | undefined {
  const { app, app_trust_forwarded: trustsForwarded, app_max_concurrency: max } = options;
  if (app === '') return undefined;
  const client = new AppClient(parseAppAddress(app), {
    onSocket: (socket) => telemetry.follow(socket),
    maxConnections: capsOf(options).app,
  });
  const slots = max === 0 ? undefined : new AppSlots({ clock: systemClock, app: client.address.text, max });
  if (slots !== undefined) observeSlots(slots, metrics.gauges);
  const { body_read_timeout_s: paceS } = options;
  const hasPace = slots !== undefined && paceS > 0;
  return {
    ...{ clock: systemClock, app: client, trustsForwarded, deadlines, telemetry, slots, callers },
    places: hasPace ? new HeldPlaces(systemClock, paceS, () => slots.waiting > 0) : undefined,
    untaken: new UntakenAnswers(unsent, client.isHttp2 ? UNTAKEN_HTTP2_BYTES : UNTAKEN_BYTES),
    underWay: new OpenFronted(),
  };
}

/** The same application for requests over HTTP/2, but for the paths of REST. */
export function createStreamFront(front: FrontOptions, routes: RestMatcher): StreamFront {
  return new Http2Front(front, (method, path) => routes.match(method, path).kind !== 'app');
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

/** Models run on the cores that an application leaves. Logs how far that is possible here. */
export function runOnSpareCores({ app, app_first: isFirst }: ServeOptions, logger: Logger): boolean {
  if (app === '' || !isFirst) return false;
  const runs = probeSpareCores();
  const facts = { event: 'app_first', runs };
  if (runs === 'idle') logger.info(facts, SPARE_CORES[runs]);
  else logger.warn(facts, SPARE_CORES[runs]);
  return runs !== 'unchanged';
}

/** Undefined if the application's health is not asked for. Not ready until the application is well. */
export function createAppHealth(
  options: ServeOptions,
  readiness: ReadinessGate,
  logger: RootLogger,
): AppHealth | undefined {
  const { app, app_health_path: path, app_health_service: service } = options;
  if (app === '' || (path === '' && service === '')) return undefined;
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

type Page = (accept: string | undefined) => Promise<MetricsPage>;

/** `own`, with the application's metrics behind it if --app_metrics_url says where they are. */
export function withAppMetrics(
  own: Page,
  { app_metrics_url: url }: ServeOptions,
  { metrics: { gauges } }: AppTelemetry,
  logger: RootLogger,
): Page {
  if (url === '') return own;
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

/** Says at the start what is not the application's. `services`: of the gRPC port. */
export function logFronting(
  { options: { app }, metricsPath }: ServeConfig,
  { places }: RestMatcher,
  services: readonly string[],
  logger: RootLogger,
): void {
  if (app === '') return;
  const metrics = metricsPath === undefined ? [] : [metricsPath];
  const facts = { app, paths: [...places, ...metrics], services };
  logger.info(
    { event: 'fronting', ...facts },
    "these paths and services are this server's; other paths go to the application",
  );
}

/** For whoever asks why this server is not ready: one line, or none. */
export function appWaits(health: AppHealth | undefined, { app }: ServeOptions): readonly string[] {
  const problem = health?.problem;
  return problem === undefined ? [] : [`the application at ${app} is not well: ${problem}`];
}
