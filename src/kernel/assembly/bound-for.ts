/** Errors of ports and sockets that cannot be bound, by the options that name them. */
import type { ServeOptions } from '../../config/options/serve-options.ts';
import { ListenError } from '../../proxy/net/listen-address.ts';

const PORTS = ['port', 'rest_api_port', 'admin_port', 'metrics_port', 'probe_port'] as const;
type PortOption = (typeof PORTS)[number];
type PlaceOption = PortOption | 'grpc_socket_path' | 'rest_socket_path' | 'admin_socket_path';

/** Binds the place of an option. Rejects with a ListenError that names the option and says, where it knows, what to give. */
export async function boundFor<T>(
  option: PlaceOption,
  options: Pick<ServeOptions, PlaceOption | 'bind_address'>,
  bind: () => Promise<T>,
): Promise<T> {
  try {
    return await bind();
  } catch (error) {
    const { code = 'EUNKNOWN', message } = error as NodeJS.ErrnoException;
    const port = PORTS.find((name) => name === option);
    const fix = port === undefined ? '' : portFix(code, port, options);
    throw new ListenError(code, `--${option}=${options[option]}: ${message}${fix}`, error);
  }
}

function portFix(code: string, option: PortOption, options: Pick<ServeOptions, PortOption | 'bind_address'>): string {
  const twin = PORTS.find((name) => options[name] === options[option] && !isOnePort(name, option));
  if (code === 'EADDRINUSE' && twin !== undefined) return `; --${twin} is ${options[twin]}, too`;
  if (code === 'EADDRINUSE') return `; --${option}=0 takes any free port, and the log says which`;
  if (code === 'EACCES')
    return '; a port below 1024 wants the right to bind it (CAP_NET_BIND_SERVICE): give a higher one';
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return `; --bind_address=${options.bind_address} wants an address of this machine: 127.0.0.1 for itself alone, :: for all`;
  return '';
}

/** gRPC and REST may share one. */
function isOnePort(name: PortOption, other: PortOption): boolean {
  return name === other || [name, other].every((each) => each === 'port' || each === 'rest_api_port');
}
