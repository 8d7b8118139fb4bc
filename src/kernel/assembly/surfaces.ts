/** Builds the surfaces that clients send requests to: gRPC and REST. */

import type { CodecThread } from '../../codec-thread/codec-thread.ts';
import { isPortJoined, isSocketJoined } from '../../config/joined-port.ts';
import type { ConnectionCaps } from '../../config/machine/descriptors.ts';
import type { Machine } from '../../config/machine/machine.ts';
import type { ModelConfig } from '../../config/model-config.ts';
import type { ServeOptions } from '../../config/options/serve-options.ts';
import type { ServeConfig } from '../../config/serve-config.ts';
import { systemClock } from '../../core/clock.ts';
import type { RootLogger } from '../../ledger/log/log.ts';
import type { Surface as SurfaceName } from '../../ledger/request-record.ts';
import type { AppTelemetry } from '../../ledger/telemetry.ts';
import type { ModelManager } from '../../models/lifecycle/model-manager.ts';
import { Callers } from '../../proxy/caller.ts';
import type { GrpcEngine } from '../../proxy/grpc/engine.ts';
import { PillionEngine, type PillionEngineOptions, type StreamRest } from '../../proxy/grpc/pillion-engine.ts';
import type { ModelInfoHandler } from '../../proxy/handlers/model-info.ts';
import type { ModelResolver } from '../../proxy/handlers/model-resolver.ts';
import { InflationGate } from '../../proxy/inflation.ts';
import type { JoinedPort } from '../../proxy/net/joined-port.ts';
import type { ListenerAccess } from '../../proxy/net/listen.ts';
import type { SocketAccess } from '../../proxy/net/socket-access.ts';
import type { ListenTls } from '../../proxy/net/tls-server.ts';
import type { Readiness } from '../../proxy/readiness.ts';
import type { RequestLifecycle } from '../../proxy/request-lifecycle.ts';
import { GrpcServer } from '../../proxy/servers/grpc-server.ts';
import { RestServer } from '../../proxy/servers/http-server.ts';
import { type PageMaker, PageServer } from '../../proxy/servers/page-server.ts';
import { probePages } from '../../proxy/servers/probes.ts';
import { reportsOf, type Surface } from '../../proxy/servers/surface.ts';
import type { Gates } from './connection-limits.ts';
import type { Installer } from './installer.ts';
import { createJoinedPort } from './listeners.ts';
import type { Loads } from './load.ts';

interface SurfacesParts {
  readonly installed: Installer;
  readonly models: ModelManager;
  readonly config: ServeConfig;
  readonly machine: Machine;
  readonly lifecycle: RequestLifecycle;
  readonly thread: CodecThread;
  readonly resolver: ModelResolver;
  readonly modelInfo: ModelInfoHandler;
  readonly readiness: Readiness;
  readonly ownModels: () => readonly ModelConfig[];
  readonly loads: Loads;
  readonly telemetry: AppTelemetry;
  readonly logger: RootLogger;
  /** Undefined = plain text. */
  readonly tls: ListenTls | undefined;
  readonly gates: Gates;
  readonly caps: ConnectionCaps;
  readonly onInternalError: (error: unknown) => void;
}

export interface Surfaces {
  readonly grpc: GrpcServer;
  readonly rest: RestServer;
  /** Undefined without --metrics_port. */
  readonly metrics: PageServer | undefined;
  /** Undefined without --probe_port. */
  readonly probes: PageServer | undefined;
  /** Undefined if each has addresses of its own. */
  readonly joined: JoinedPort | undefined;
}

export function createSurfaces(parts: SurfacesParts): Surfaces {
  const { config, installed, lifecycle, thread, resolver, modelInfo, readiness, telemetry, tls } = parts;
  const { access, audit, proxies } = installed;
  const { options } = config;
  const hasProxyAddresses = installed.makePrelude !== undefined;
  const shared = { maxMessageBytes: options.max_message_bytes, loads: parts.loads.readings, hasProxyAddresses, audit };
  const surfaces = installed.surfaces.map((make) => make({ ...parts, ...shared }));
  const askedBy = reportsOf(surfaces)?.askedBy;
  const callers = new Callers(options.caller_header, access, askedBy, telemetry.propagation, proxies);
  const served = { lifecycle, resolver, modelInfo, surfaces };
  const common = { ...served, onInternalError: parts.onInternalError };
  const serializationAsTensorContent = options.enable_serialization_as_tensor_content;
  const inflations = new InflationGate();
  const bodyTimeoutS = options.body_read_timeout_s || Infinity;
  const bodies = { inflations, bodyTimeoutS };
  const front = installed.makeFront?.({
    ...{ callers, unsent: lifecycle.memory.unsent, maxConnections: parts.caps.app },
    isOurs: (method, path) => rest.routes.match(method, path).kind !== 'app',
  });
  const page = installed.metricsPageMaker();
  const rest = new RestServer({
    ...{ ...common, ...bodies, callers, serializationAsTensorContent, thread },
    ignoresUnknownInputs: options.ignore_unknown_inputs,
    metrics: page,
    metricsPath: (page && config.metricsPath) ?? '',
    inferencePrefix: options.inference_path_prefix,
    maxBodyBytes: options.max_message_bytes,
    compressFromBytes: options.rest_compress_from_bytes || Infinity,
    // A socket's timer fires once or twice before it finds that nothing was taken.
    stallMs: options.answer_stall_timeout_s * 500,
    hasCors: options.rest_api_enable_cors_support,
    tls: config.isRestTls ? tls : undefined,
    front: front && ((commonHeaders) => front.http1(commonHeaders)),
    listenerAccess: listenerAccessOf('rest', parts),
  });
  const streams = { front: front?.http2, rest: streamRest(options, rest) };
  const grpc = new GrpcServer({
    ...{ ...common, readiness, access },
    engine: createGrpcEngine(parts, { ...bodies, tls, callers, memory: lifecycle.memory, ...streams }),
    options: { serializationAsTensorContent, maxTensorBytes: options.max_message_bytes, thread },
  });
  const joined = createJoinedPort(options, parts.gates, telemetry.metrics, grpc);
  front?.opened(rest.routes.places, grpc.services);
  return { grpc, rest, joined, ...createPageServers(parts, surfaces, page) };
}

/** The ports that ask nobody who they are. Where callers are asked, --probe_port has no metrics: they name models. */
function createPageServers(
  { config, installed, readiness, gates, onInternalError }: SurfacesParts,
  surfaces: readonly Surface[],
  metricsPage: PageMaker | undefined,
): Pick<Surfaces, 'metrics' | 'probes'> {
  const { metrics_port, probe_port } = config.options;
  const server = (port: number, pages: ReadonlyMap<string, PageMaker>): PageServer | undefined =>
    port === -1 ? undefined : new PageServer({ pages, gate: gates.probes, onInternalError });
  const probes = probePages(readiness);
  for (const surface of surfaces) for (const [path, page] of surface.probePages ?? []) probes.set(path, page);
  if (metricsPage === undefined) return { metrics: undefined, probes: server(probe_port, probes) };
  if (installed.access === undefined && config.metricsPath !== undefined) probes.set('/metrics', metricsPage);
  return { metrics: server(metrics_port, new Map([['/metrics', metricsPage]])), probes: server(probe_port, probes) };
}

/** The parts that both surfaces use. */
type SharedParts = Pick<
  PillionEngineOptions,
  'tls' | 'callers' | 'memory' | 'bodyTimeoutS' | 'inflations' | 'front' | 'rest'
>;

/** REST on the gRPC port; undefined: it is on a port of its own alone. */
function streamRest(options: ServeOptions, { streams }: RestServer): StreamRest | undefined {
  const { rest_on_grpc_port: isEverywhere } = options;
  if (!isEverywhere && !isPortJoined(options) && !isSocketJoined(options)) return undefined;
  return {
    isEverywhere,
    serve: (stream, headers) => streams.serve(stream, headers),
    refuseHeaders: (stream) => streams.refuseHeaders(stream),
  };
}

/** The HTTP/2 stack of the gRPC port. */
function createGrpcEngine(parts: SurfacesParts, shared: SharedParts): GrpcEngine {
  const { config, installed, machine, onInternalError } = parts;
  const { options } = config;
  const listenerAccess = listenerAccessOf('grpc', parts);
  const maxReceiveBytes = options.max_message_bytes;
  const { front, rest, ...both } = shared;
  const common = { clock: systemClock, maxReceiveBytes, onInternalError, listenerAccess, ...both };
  if (installed.makeEngine !== undefined) return installed.makeEngine(common);
  // A spin on a single core would delay everything else.
  const spinMs = machine.budgetCores < 2 ? 0 : options.grpc_spin_micros / 1000;
  const compressFromBytes = options.grpc_compress_from_bytes || Infinity;
  return new PillionEngine({
    ...common,
    front,
    rest,
    compressFromBytes,
    http2: { spinMs, onSpun: parts.loads.onSpun, stallTimeoutMs: options.answer_stall_timeout_s * 1000 },
  });
}

function listenerAccessOf(surface: SurfaceName, { gates, installed, config }: SurfacesParts): ListenerAccess {
  const prelude = installed.makePrelude?.(surface);
  return { gate: gates[surface], socketAccess: socketAccess(config.options), prelude };
}

function socketAccess({ socket_mode, socket_group }: ServeOptions): SocketAccess {
  return {
    mode: socket_mode === '' ? undefined : Number.parseInt(socket_mode, 8),
    group: socket_group === '' ? undefined : Number(socket_group),
  };
}
