/**
 * One port, or one Unix socket, for gRPC and REST: where both options name the same. TensorFlow Serving logs an error
 * there and serves no REST.
 */
import type { ServeOptions } from './options/serve-options.ts';

/** Two ports that are 0 are two free ones. */
export function isPortJoined({ port, rest_api_port }: ServeOptions): boolean {
  return port !== 0 && port === rest_api_port;
}

export function isSocketJoined({ grpc_socket_path, rest_socket_path }: ServeOptions): boolean {
  return grpc_socket_path !== '' && grpc_socket_path === rest_socket_path;
}

/** Adds to `errors` if a joined port would have to speak TLS with one protocol and plain text with the other. */
export function checkJoinedPort(
  options: ServeOptions,
  hasTls: { readonly grpc: boolean; readonly rest: boolean },
  errors: string[],
): void {
  if (!isPortJoined(options) || hasTls.grpc === hasTls.rest) return;
  errors.push(
    `--port and --rest_api_port are both ${options.port}, but gRPC has TLS there and REST has none; give --rest_api_tls too, or two ports`,
  );
}
