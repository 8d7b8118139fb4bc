/**
 * Envoy's configuration for one group of sidecars: one listener for HTTP/1.1 and cleartext HTTP/2, as a mesh has it.
 *
 *   client ─▶ listener ─┬ content-type application/grpc ─▶ cluster "grpc", HTTP/2     ─▶ gRPC ports
 *                       └ everything else               ─▶ cluster "rest", HTTP/1.1   ─▶ REST ports
 */
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface EnvoyOptions {
  /** "host:port" each. */
  readonly grpc: readonly string[];
  readonly rest: readonly string[];
  /** REST requests may take so long. Default: no limit. */
  readonly restTimeoutMs?: number;
  /** Whose health Envoy asks for. */
  readonly healthService?: string;
  /** Default: a model's status, which a drain leaves as it is. */
  readonly restHealthPath?: string;
  /** From one look at a host's health to the next. Default HEALTH_INTERVAL_MS. */
  readonly healthIntervalMs?: number;
  /** Looks at it in a row that get no answer, after which a host is unhealthy. Default 1. */
  readonly unhealthyThreshold?: number;
  /** Requests that a sidecar refuses or drops go to another one. */
  readonly retries?: boolean;
  /** Requests go by the sidecars' load reports: on answers, or of streams. Default: in turn. */
  readonly reports?: 'in band' | 'out of band';
  /** Weighs hosts anew each so many seconds, the first time after as many. Default: 0.1. */
  readonly weighsEachS?: number;
  /** Where `writeEndpoints` says which hosts there are: they may change while Envoy runs. Default: they do not. */
  readonly endpointsIn?: string;
  /** "host:port" that takes Envoy's spans as OTLP over gRPC. Every request has one, and another for the way to its host. */
  readonly spansTo?: string;
}

/** What Envoy calls itself in its spans. */
export const ENVOY_SERVICE = 'envoy';

/** More than any test has open at once: what is measured is the sidecar, not Envoy's circuit breakers. */
const MAX_STREAMS = 1024;
const MAX_RETRIES = 3;
const HEALTH_INTERVAL_MS = 100;

const TYPE = 'type.googleapis.com/envoy';

export function envoyConfig(options: EnvoyOptions): object {
  return {
    node: { id: 'tests', cluster: 'tests' },
    admin: { address: address('127.0.0.1:0') },
    static_resources: {
      listeners: [listener(options)],
      clusters: [grpcCluster(options), restCluster(options), ...spanCluster(options)],
    },
    // Spans leave at once: by default after five seconds.
    layered_runtime: {
      layers: [{ name: 'tests', static_layer: { tracing: { opentelemetry: { min_flush_spans: 1 } } } }],
    },
  };
}

/** Tells an Envoy of `endpointsIn` which hosts there are now. The file is replaced: Envoy never sees a part of it. */
export function writeEndpoints(directory: string, hosts: Readonly<Record<'grpc' | 'rest', readonly string[]>>): void {
  for (const [name, addresses] of Object.entries(hosts)) {
    const resources = [{ '@type': `${TYPE}.config.endpoint.v3.ClusterLoadAssignment`, ...assignment(name, addresses) }];
    const file = join(directory, `${name}.json`);
    writeFileSync(`${file}.new`, JSON.stringify({ resources }));
    renameSync(`${file}.new`, file);
  }
}

function assignment(cluster_name: string, hosts: readonly string[]): object {
  return {
    cluster_name,
    endpoints: [{ lb_endpoints: hosts.map((host) => ({ endpoint: { address: address(host) } })) }],
  };
}

function address(hostAndPort: string): object {
  const [host, port] = hostAndPort.split(':');
  return { socket_address: { address: host, port_value: Number(port) } };
}

function listener(options: EnvoyOptions): object {
  const manager = {
    '@type': `${TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    codec_type: 'AUTO',
    stat_prefix: 'ingress',
    ...tracing(options),
    http2_protocol_options: { max_concurrent_streams: MAX_STREAMS },
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: routes(options) }] },
    http_filters: [
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': `${TYPE}.extensions.filters.http.router.v3.Router` },
      },
    ],
  };
  const filter = { name: 'envoy.filters.network.http_connection_manager', typed_config: manager };
  return { name: 'ingress', address: address('127.0.0.1:0'), filter_chains: [{ filters: [filter] }] };
}

function tracing({ spansTo }: EnvoyOptions): object {
  if (spansTo === undefined) return {};
  const typed_config = {
    '@type': `${TYPE}.config.trace.v3.OpenTelemetryConfig`,
    service_name: ENVOY_SERVICE,
    grpc_service: { envoy_grpc: { cluster_name: 'spans' }, timeout: '1s' },
  };
  const provider = { name: 'envoy.tracers.opentelemetry', typed_config };
  return { tracing: { random_sampling: { value: 100 }, spawn_upstream_span: true, provider } };
}

function spanCluster({ spansTo }: EnvoyOptions): object[] {
  return spansTo === undefined ? [] : [cluster('spans', fixed('spans', [spansTo]), { http2_protocol_options: {} }, {})];
}

function routes({ restTimeoutMs = 0, retries = false }: EnvoyOptions): object[] {
  const retry = (on: string): object => (retries ? { retry_policy: retryPolicy(on) } : {});
  return [
    {
      match: { prefix: '/', grpc: {} },
      // grpc-timeout goes through as it is, and is the sidecar's to keep: Envoy itself waits without end.
      route: { cluster: 'grpc', timeout: '0s', ...retry('unavailable,cancelled,refused-stream,reset,connect-failure') },
    },
    {
      match: { prefix: '/' },
      route: { cluster: 'rest', timeout: `${restTimeoutMs / 1000}s`, ...retry('5xx,reset,connect-failure') },
    },
  ];
}

/** Another host than the one that failed, and soon. */
function retryPolicy(on: string): object {
  const name = 'envoy.retry_host_predicates.previous_hosts';
  const typed_config = { '@type': `${TYPE}.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate` };
  return {
    retry_on: on,
    num_retries: MAX_RETRIES,
    retry_host_predicate: [{ name, typed_config }],
    host_selection_retry_max_attempts: MAX_RETRIES,
    retry_back_off: { base_interval: '0.005s', max_interval: '0.05s' },
  };
}

/** As they are, or as `writeEndpoints` has written them last. */
function hostsOf(name: 'grpc' | 'rest', { endpointsIn, ...hosts }: EnvoyOptions): object {
  if (endpointsIn === undefined) return fixed(name, hosts[name]);
  const path_config_source = { path: join(endpointsIn, `${name}.json`) };
  return { type: 'EDS', eds_cluster_config: { eds_config: { path_config_source, resource_api_version: 'V3' } } };
}

function fixed(name: string, hosts: readonly string[]): object {
  return { type: 'STATIC', load_assignment: assignment(name, hosts) };
}

function cluster(name: string, hosts: object, protocol: object, further: object): object {
  return {
    name,
    ...hosts,
    connect_timeout: '1s',
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': `${TYPE}.extensions.upstreams.http.v3.HttpProtocolOptions`,
        explicit_http_config: protocol,
      },
    },
    circuit_breakers: {
      thresholds: [{ max_requests: MAX_STREAMS, max_pending_requests: MAX_STREAMS, max_retries: MAX_STREAMS }],
    },
    // A change of health counts at once: by default it may wait for a second.
    common_lb_config: { healthy_panic_threshold: { value: 0 }, update_merge_window: '0s' },
    ...further,
  };
}

function grpcCluster(options: EnvoyOptions): object {
  const health = healthCheck(options, { grpc_health_check: { service_name: options.healthService ?? '' } });
  return cluster(
    'grpc',
    hostsOf('grpc', options),
    { http2_protocol_options: {} },
    { ...health, ...balancing(options) },
  );
}

function restCluster(options: EnvoyOptions): object {
  const { restHealthPath: path = '/v1/models/half_plus_two' } = options;
  const health = healthCheck(options, { http_health_check: { path } });
  return cluster('rest', hostsOf('rest', options), { http_protocol_options: {} }, { ...health, ...balancing(options) });
}

function balancing({ reports, weighsEachS = 0.1 }: EnvoyOptions): object {
  if (reports === undefined) return {};
  const name = 'client_side_weighted_round_robin';
  const typed_config = {
    '@type': `${TYPE}.extensions.load_balancing_policies.${name}.v3.ClientSideWeightedRoundRobin`,
    ...{ blackout_period: `${weighsEachS}s`, weight_update_period: `${weighsEachS}s` },
    ...(reports === 'out of band' && { enable_oob_load_report: true, oob_reporting_period: `${weighsEachS}s` }),
  };
  const policy = { name: `envoy.load_balancing_policies.${name}`, typed_config };
  return { load_balancing_policy: { policies: [{ typed_extension_config: policy }] } };
}

function healthCheck(options: EnvoyOptions, what: object): object {
  const { healthIntervalMs = HEALTH_INTERVAL_MS, unhealthyThreshold = 1 } = options;
  const interval = `${healthIntervalMs / 1000}s`;
  const check = {
    timeout: '1s',
    interval,
    no_traffic_interval: interval,
    unhealthy_threshold: unhealthyThreshold,
    healthy_threshold: 1,
    ...what,
  };
  return { health_checks: [check] };
}
