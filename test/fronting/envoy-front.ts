/** Envoy's configuration in front of one application: nothing of it is odd, WebSockets and HTTP/1.0 are let through. */

const TYPE = 'type.googleapis.com/envoy';

/** `app`: "127.0.0.1:port". */
export function envoyFrontConfig(app: string): object {
  return {
    admin: { address: address('127.0.0.1:0') },
    static_resources: { listeners: [listener()], clusters: [cluster(app)] },
  };
}

/**
 * The same with TLS, as a proxy on the edge: what it says of its clients is its own. `server`: "127.0.0.1:port".
 */
export function envoyTlsConfig(server: string, { cert, key }: { readonly cert: string; readonly key: string }): object {
  const own = '%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%';
  const forwardedFor = {
    header: { key: 'x-forwarded-for', value: own },
    append_action: 'OVERWRITE_IF_EXISTS_OR_ADD',
  };
  const tls = {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      '@type': `${TYPE}.extensions.transport_sockets.tls.v3.DownstreamTlsContext`,
      common_tls_context: {
        tls_certificates: [{ certificate_chain: { inline_string: cert }, private_key: { inline_string: key } }],
      },
    },
  };
  const overwrite = { request_headers_to_add: [forwardedFor], request_headers_to_remove: ['forwarded'] };
  return {
    admin: { address: address('127.0.0.1:0') },
    static_resources: { listeners: [listener(overwrite, tls)], clusters: [cluster(server)] },
  };
}

function address(hostAndPort: string): object {
  const [host, port] = hostAndPort.split(':');
  return { socket_address: { address: host, port_value: Number(port) } };
}

/** `routes`: more of the route configuration. `tls`: the transport socket. */
function listener(routes = {}, tls?: object): object {
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
    route_config: { ...routes, virtual_hosts: [{ name: 'all', domains: ['*'], routes: [route] }] },
    http_filters: [
      {
        name: 'envoy.filters.http.router',
        typed_config: { '@type': `${TYPE}.extensions.filters.http.router.v3.Router` },
      },
    ],
  };
  const filter = { name: 'envoy.filters.network.http_connection_manager', typed_config: manager };
  return {
    name: 'ingress',
    address: address('127.0.0.1:0'),
    filter_chains: [{ filters: [filter], ...(tls && { transport_socket: tls }) }],
  };
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
