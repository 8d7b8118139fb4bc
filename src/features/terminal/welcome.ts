/**
 * The first lines, which say what is served and where:
 *
 *   Pillion 0.2.0 serves digits
 *
 *     REST     http://localhost:8501/v1/models/digits  from every address of this machine
 *     gRPC     localhost:8500
 *     console  http://localhost:8502/
 */
import type { ServeConfig } from '../../config/serve-config.ts';
import { VERSION } from '../../version.ts';
import type { Line, Span } from './screen.ts';

/** The bound addresses, as the line "listening" has them: "127.0.0.1:8500", "unix:/run/pillion.sock". */
export interface Addresses {
  readonly grpc: readonly string[];
  readonly rest: readonly string[];
  readonly admin: string;
  readonly metrics?: string;
  readonly probes?: string;
}

/** The facts that the first lines show. */
export interface Welcome {
  readonly config: Pick<ServeConfig, 'models' | 'tls' | 'isRestTls' | 'metricsPath' | 'options'>;
  readonly addresses: Addresses;
  /** The page for people on the operators' server; undefined = there is none. */
  readonly page: string | undefined;
}

const MOST_NAMES = 5;
/** The operators' server lists its paths there. */
const HELP = '/help';
const EVERY_ADDRESS = /^(?:\[::\]|0\.0\.0\.0):/;

export function welcomeLines({ config, addresses, page }: Welcome): readonly Line[] {
  const { isRestTls, tls, metricsPath, options } = config;
  const { rest, grpc, admin, metrics, probes } = addresses;
  const [first] = config.models;
  const models = first === undefined ? '' : `/v1/models/${encodeURIComponent(first.name)}`;
  const path = `${options.inference_path_prefix}${models}`;
  const rows = [
    ...rest.map((at) => ['REST', urlOf(at, path, isRestTls), at] as const),
    ...grpc.map((at) => ['gRPC', `${placeOf(at)}${tls === undefined ? '' : '  TLS'}`, at] as const),
    [page === undefined ? 'admin' : 'console', urlOf(admin, page ?? HELP, false), admin] as const,
    ...(metrics === undefined ? [] : [['metrics', urlOf(metrics, metricsPath ?? '/metrics', false), metrics] as const]),
    ...(probes === undefined ? [] : [['probes', urlOf(probes, '/ready', false), probes] as const]),
  ];
  const lines = rows.map(([what, where, at]) => [
    { text: `  ${what.padEnd(9)}` },
    { text: where, style: 'bold' } satisfies Span,
    ...(EVERY_ADDRESS.test(at) ? [{ text: '  on every address', style: 'dim' } satisfies Span] : []),
  ]);
  return [[{ text: `Pillion ${VERSION}`, style: 'bold' }, { text: servesText(config.models) }], [], ...lines, []];
}

function servesText(models: ServeConfig['models']): string {
  if (models.length === 0) return ' serves no models yet';
  const names = models.slice(0, MOST_NAMES).map(({ name }) => name);
  const more = models.length - names.length;
  return ` serves ${names.join(', ')}${more === 0 ? '' : ` and ${more} more`}`;
}

/** The URL on this machine; the address of a socket as it is. */
function urlOf(address: string, path: string, isTls: boolean): string {
  return address.startsWith('unix:') ? address : `${isTls ? 'https' : 'http'}://${placeOf(address)}${path}`;
}

/** "localhost:8500" for every address and loopback's. */
function placeOf(address: string): string {
  return address.replace(/^(?:\[::1?\]|0\.0\.0\.0|127\.0\.0\.1):/, 'localhost:');
}
