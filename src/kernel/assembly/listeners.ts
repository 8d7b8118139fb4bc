/** How connections come to the surfaces: on addresses of their own, or on one for both. */
import { isPortJoined, isSocketJoined } from '../../config/joined-port.ts';
import type { ServeOptions } from '../../config/options/serve-options.ts';
import { systemClock } from '../../core/clock.ts';
import type { Metrics } from '../../ledger/metrics/metrics.ts';
import { FIRST_REQUEST_MS } from '../../proxy/http1/rest-listener.ts';
import { JOINED_OUTCOMES, type JoinedOutcome, JoinedPort } from '../../proxy/net/joined-port.ts';
import { formatHostPort } from '../../proxy/net/listen-address.ts';
import type { GrpcServer } from '../../proxy/servers/grpc-server.ts';
import type { RestServer } from '../../proxy/servers/http-server.ts';
import { boundFor } from './bound-for.ts';
import type { Gates } from './connection-limits.ts';

/** Undefined if each surface has addresses of its own. */
export function createJoinedPort(
  options: ServeOptions,
  gates: Gates,
  metrics: Metrics,
  grpc: GrpcServer,
): JoinedPort | undefined {
  if (!isPortJoined(options) && !isSocketJoined(options)) return undefined;
  const help = 'Connections to the port that gRPC and REST share, by what became of them.';
  const family = metrics.registry.counter('pillion_joined_connections_total', help);
  const counts = new Map(JOINED_OUTCOMES.map((outcome) => [outcome, family.open({ outcome })]));
  return new JoinedPort({
    clock: systemClock,
    timeoutMs: FIRST_REQUEST_MS,
    onOutcome: (outcome: JoinedOutcome) => counts.get(outcome)!.add(1),
    onHttp2: (socket) => {
      if (gates.rest.pass(socket, gates.grpc)) grpc.accept(socket);
    },
  });
}

/** Binds the addresses of both surfaces. Resolves with them, a joined one in both lists. Rejects with ListenError. */
export async function listenOnSurfaces(
  options: ServeOptions,
  { grpc, rest, joined }: { grpc: GrpcServer; rest: RestServer; joined: JoinedPort | undefined },
): Promise<{ readonly grpc: readonly string[]; readonly rest: readonly string[] }> {
  const { bind_address, port, rest_api_port, grpc_socket_path, rest_socket_path } = options;
  const [isPort, isSocket] = [isPortJoined(options), isSocketJoined(options)];
  const ofGrpc: string[] = [];
  const bindGrpc = async (option: 'port' | 'grpc_socket_path', address: string): Promise<void> => {
    ofGrpc.push(...(await boundFor(option, options, () => grpc.listen([address]))));
  };
  const bindRest = (option: 'rest_api_port' | 'rest_socket_path', address: string, isJoined: boolean) =>
    boundFor(option, options, () => rest.listen(address, isJoined ? joined : undefined));
  if (!isPort) await bindGrpc('port', formatHostPort(bind_address, port));
  if (!isSocket && grpc_socket_path !== '') await bindGrpc('grpc_socket_path', `unix:${grpc_socket_path}`);
  const onPort = await bindRest('rest_api_port', formatHostPort(bind_address, rest_api_port), isPort);
  const onSocket =
    rest_socket_path === '' ? [] : [await bindRest('rest_socket_path', `unix:${rest_socket_path}`, isSocket)];
  const shared = [...(isPort ? [onPort] : []), ...(isSocket ? onSocket : [])];
  return { grpc: isPort ? [...shared, ...ofGrpc] : [...ofGrpc, ...shared], rest: [onPort, ...onSocket] };
}
