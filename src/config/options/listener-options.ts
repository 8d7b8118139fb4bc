/** Options of `pillion serve` about the ports and sockets that clients reach, and their protocols. */
import { COUNT, flag, integer, type Option, patternText, text } from './option-types.ts';

const PORT = { min: 0, max: 65_535 };
/** RFC 9110's tokens. gRPC's metadata of names in -bin is bytes. Empty = none. */
const HEADER_NAME = /^(?!.*-[bB][iI][nN]$)[!#$%&'*+.^_`|~0-9A-Za-z-]*$/;

/** Segments of unreserved characters; none begins with a dot. */
const PATH_PREFIX = /^(?:|(?:\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+)$/;

export const LISTENER_OPTIONS = {
  port: integer({ ...PORT, default: 8500, help: 'TCP port of gRPC. 0 = any free port, shown in the log.' }),
  rest_api_port: integer({
    ...PORT,
    default: 8501,
    help: 'TCP port of REST. The same as --port: one port for both, where REST is HTTP/1.1 or HTTP/2. 0 = any free port, shown in the log.',
  }),
  rest_on_grpc_port: flag({
    default: false,
    help: 'REST over HTTP/2 on the gRPC port, and on its socket, too: requests whose content-type is not gRPC’s. A port for both has it anyway.',
  }),
  bind_address: text({
    default: '::',
    placeholder: 'ADDRESS',
    help: 'Address of the gRPC and REST ports. :: is every IPv6 and IPv4 address (0.0.0.0 if the machine has no IPv6).',
  }),
  grpc_socket_path: text({ default: '', placeholder: 'PATH', help: 'gRPC listens on this Unix socket too.' }),
  rest_socket_path: text({
    default: '',
    placeholder: 'PATH',
    help: 'REST listens on this Unix socket too; the same as gRPC’s = one for both.',
  }),
  inference_path_prefix: patternText(
    {
      default: '',
      placeholder: 'PATH',
      help: 'Prefix of the paths of inference on the REST port: with /pillion they are /pillion/v1/models and /pillion/v2, and an application of --app keeps its own /v1/models and /v2. The path of the metrics stays. Empty = nothing.',
    },
    PATH_PREFIX,
    'a path without a / at its end, such as /pillion',
  ),
  caller_header: patternText(
    {
      default: '',
      placeholder: 'NAME',
      help: 'Header (HTTP) or metadata (gRPC) whose value names the caller. Set it only behind a proxy that writes it. Empty: callers are told apart by client certificate or address.',
    },
    HEADER_NAME,
    'the name of a header, such as x-caller; no name ends in -bin',
  ),
  rest_api_timeout_in_ms: integer({
    ...COUNT,
    min: 1,
    default: 30_000,
    help: 'Time limit of a REST request, even if its client allows more.',
  }),
  rest_api_enable_cors_support: flag({
    default: false,
    help: 'Web pages of any origin may call the REST API: CORS headers on every answer, and answers to preflight requests.',
  }),
  rest_compress_from_bytes: integer({
    ...COUNT,
    default: 0,
    help: 'REST answers of at least this many bytes are compressed as zstd (Node 22.15 or newer), br or gzip for clients that accept it. 0 = none: beside an application, CPU costs more than bandwidth.',
  }),
  grpc_api_timeout_in_ms: integer({
    ...COUNT,
    default: 0,
    help: 'Time limit of a gRPC request. 0 = no limit except the client’s own deadline, as in TensorFlow Serving.',
  }),
  refusal_delay_ms: integer({
    min: 0,
    max: 60_000,
    default: 0,
    help: 'Refusals for overload are held for as long as recent answers took, but for no more than this many ms from the request’s arrival: for balancers that send more to whoever answers fast (docs/how-to/mesh.md). 0 = they are answered at once, as is best for clients that call directly or by load reports.',
  }),
  grpc_spin_micros: integer({
    min: 0,
    max: 1000,
    default: 50,
    help: 'How long the event loop may spin for the next gRPC request, in µs, if a client’s last requests came that soon after their answers. 0 = never, as with fewer than two cores.',
  }),
  grpc_compress_from_bytes: integer({
    ...COUNT,
    default: 0,
    help: 'gRPC answers of at least this many bytes are compressed as gzip for clients that accept it (pillion engine only). 0 = none: beside an application, CPU costs more than bandwidth.',
  }),
} satisfies Record<string, Option<unknown>>;
