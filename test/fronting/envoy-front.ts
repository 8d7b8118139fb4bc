/** Envoy's configuration in front of one application: nothing of it is odd, WebSockets and HTTP/1.0 are let through. */

const TYPE = 'type.googleapis.com/envoy';

/** `app`: "127.0.0.1:port". */
export function envoyFrontConfig(app: string): object {
  return {
    admin: { address: address('127.0.0.1:0') },
    static_resources: { listeners: [listener()], clusters: [cluster(app)] },
  };
}

function address(hostAndPort: string): object {
  const [host, port] = hostAndPort.split(':');
  return { socket_address: { address: host, port_value: Number(port) } };
}

function listener(): object {
  const route = { match: { prefix: '/' }, route: { cluster: 'app', timeout: '0s' } };
  const manager = {
    '@type': `${TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager`,
    codec_type: 'HTTP1',
    stat_prefix: 'ingress',
    delayed_close_timeout: '0.05s',
    // As a server that clients reach directly.
    use_remote_address: true,
    proxy_100_continue: true,
    http_protocol_options: { accept_http_10: true, enable_trailers: true },
    upgrade_configs: [{ upgrade_type: 'websocket' }],
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: [route] }] },
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

function cluster(app: string): object {
  return {
    name: 'app',
    type: 'STATIC',
    connect_timeout: '5s',
    typed_extension_protocol_options: {
      'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
        '@type': `${TYPE}.extensions.upstreams.http.v3.HttpProtocolOptions`,
        explicit_http_config: { http_protocol_options: { enable_trailers: true } },
      },
    },
    load_assignment: { cluster_name: 'app', endpoints: [{ lb_endpoints: [{ endpoint: { address: address(app) } }] }] },
  };
}
