/** Checks of the options about the application, together with others. */
import { type GivenOptions, givenOf, optionsOf } from '../../config/options/feature-options.ts';
import { kindOf, splitAddresses } from './app/app-address.ts';
import { APP_OPTIONS } from './options.ts';

/** `--app` and `--app_metrics_url` are sound addresses by their form, and none of this server's own. */
export function checkApp(given: GivenOptions, errors: string[]): void {
  const { port, rest_api_port, metrics_port } = given.options;
  const { app, app_metrics_url, app_health_path, app_health_service } = optionsOf(given, APP_OPTIONS);
  const apps = splitAddresses(app);
  checkKinds(apps, errors);
  if (app_health_path !== '' && app_health_service !== '' && apps.length < 2) {
    errors.push(
      '--app_health_path asks over HTTP, --app_health_service over gRPC; give the one that the application has',
    );
  }
  for (const url of apps) checkPlace(`--app=${url}`, url, [rest_api_port, port], errors);
  const pages = splitAddresses(app_metrics_url);
  if (pages.length > 2)
    errors.push(`--app_metrics_url has ${pages.length} pages; there can be two, one of each application`);
  for (const url of pages) checkPlace(`--app_metrics_url=${url}`, url, [rest_api_port, port, metrics_port], errors);
}

/** Requests of one kind have one place to go. */
function checkKinds(apps: readonly string[], errors: string[]): void {
  for (const [kind, words, scheme] of [
    ['http', 'HTTP', 'grpc://HOST:PORT or grpc+unix:PATH for one of gRPC'],
    ['grpc', 'gRPC', 'http://HOST:PORT or h2c://HOST:PORT for one of HTTP'],
  ] as const) {
    const same = apps.filter((each) => kindOf(each) === kind);
    if (same.length < 2) continue;
    const named = `--app names ${same.length} applications of ${words}, ${same.join(' and ')}`;
    errors.push(`${named}; there can be one of each kind, so give ${scheme}`);
  }
}

function checkPlace(option: string, url: string, ours: readonly number[], errors: string[]): void {
  const [, host, digits = '80'] = /^(?:http|h2c|grpc):\/\/(\[.*?\]|[^:/]+)(?::(\d+))?(?:\/.*)?$/.exec(url) ?? [];
  if (host === undefined) return;
  const appPort = Number(digits);
  if (appPort < 1 || appPort > 65_535) errors.push(`${option}: ports go from 1 to 65535`);
  const isHere = /^(?:localhost|127\..*|\[::1\])$/.test(host);
  if (isHere && ours.includes(appPort)) {
    errors.push(`${option} is this server itself; give the application a port of its own`);
  }
}

const APP_DETAILS = [
  'app_client_certificate',
  'app_max_concurrency',
  'app_health_path',
  'app_health_service',
  'app_health_interval_ms',
  'app_health_failures',
  'app_first',
  'app_refuse_abandoned',
] satisfies readonly (keyof typeof APP_OPTIONS)[];

/** Implements FeatureOptions.warnings. */
export function withoutApp(given: GivenOptions): readonly string[] {
  if (optionsOf(given, APP_OPTIONS).app !== '') return [];
  return givenOf(APP_DETAILS, given).map(
    ({ place }) => `${place} has no effect: there is no application without --app`,
  );
}
