/** The installation of a feature: the parts that a server has by then, and the seams that take the feature's own. */
import type { AdminPath } from '../admin/admin-path.ts';
import type { LookAtVersions } from '../admin/explanation.ts';
import type { CodecThread } from '../codec-thread/codec-thread.ts';
import type { Machine } from '../config/machine/machine.ts';
import type { ModelConfig } from '../config/model-config.ts';
import type { ServeConfig } from '../config/serve-config.ts';
import type { Clock } from '../core/clock.ts';
import type { Facts } from '../core/collections/facts.ts';
import type { UnsentBytes } from '../core/unsent-bytes.ts';
import type { StateFiles } from '../files/state-files.ts';
import type { AuditLog } from '../ledger/log/audit-log.ts';
import type { RootLogger } from '../ledger/log/log.ts';
import type { ReportSource } from '../ledger/report.ts';
import type { Surface as SurfaceName } from '../ledger/request-record.ts';
import type { AppTelemetry } from '../ledger/telemetry.ts';
import type { ModelManager } from '../models/lifecycle/model-manager.ts';
import type { AccessControl } from '../proxy/access-control.ts';
import type { Callers, TrustedProxies } from '../proxy/caller.ts';
import type { CallerLimits } from '../proxy/caller-limits.ts';
import type { GrpcEngine, GrpcEngineOptions } from '../proxy/grpc/engine.ts';
import type { StreamFront } from '../proxy/grpc/pillion-engine.ts';
import type { ModelInfoHandler } from '../proxy/handlers/model-info.ts';
import type { ModelResolver } from '../proxy/handlers/model-resolver.ts';
import type { HttpFront } from '../proxy/http1/http-front.ts';
import type { MetricsPageMaker } from '../proxy/http1/local-replies.ts';
import type { Prelude } from '../proxy/net/prelude.ts';
import type { Readiness, ReadinessGate } from '../proxy/readiness.ts';
import type { CarriedDeadlines, RequestLifecycle, ToldAs } from '../proxy/request-lifecycle.ts';
import type { RoutedMethod } from '../proxy/servers/rest-part.ts';
import type { Surface } from '../proxy/servers/surface.ts';
import type { ModelSeams } from './model-seams.ts';

/** Environment variables, as in process.env. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Work of a service that a drain waits for within its timeout, and counts and ends after that. */
export interface UnderWay {
  /** Counts of its work by the names of the log's fields: `app_requests_cut`. */
  counts(): Readonly<Record<string, number>>;
  abandon(): void;
}

/** A part that lives as long as the server. Its functions but `reread` and `waitsFor` are called at most once each. */
export interface Service {
  /** The ports are bound, and models begin to load. */
  start?(): void;
  /** SIGHUP: files that it holds are opened anew. */
  reread?(): void;
  /** Tells why the server is not ready, one line for each reason, for people. */
  waitsFor?(): readonly string[];
  readonly underWay?: UnderWay;
  /** Nobody asks for anything any more. Bounds the time that it takes itself. */
  close?(): Promise<void> | void;
}

/** Takes the requests on clients' ports that are not for this server. */
export interface Front {
  /** @param commonHeaders of every answer of this server's own over HTTP/1.1: names and values in turn */
  http1(commonHeaders: readonly string[]): HttpFront;
  readonly http2: StreamFront;
  /** The surfaces are there, with these places of paths on the REST port, and services of the gRPC port. */
  opened(places: readonly string[], services: readonly string[]): void;
}

/** The parts of the server that a front shares with the surfaces. */
export interface FrontParts {
  readonly callers: Callers;
  readonly unsent: UnsentBytes;
  /** The most connections that it may have to others, by file descriptors. */
  readonly maxConnections: number;
  /** True for the method and path of a request for this server's REST surface. To be asked when the surfaces are there. */
  readonly isOurs: (method: string, path: string) => boolean;
}

/** Makes the reader of what a proxy says first on a surface's TCP connections. Called once for each surface. */
export type MakePrelude = (surface: SurfaceName) => Prelude;

/** Makes a page of metrics of the one that features before it made; undefined = there is none. */
export type MetricsPageWrap = (own: MetricsPageMaker | undefined) => MetricsPageMaker | undefined;

/** How busy the server is. Times since the process's start, in ms. */
export interface LoadReadings {
  /** Cores that runs may take. */
  readonly runCores: () => number;
  /** Time that the requests which wait will need on those cores. */
  readonly waitingMs: () => number;
  /** How long the event loop had something to do. */
  readonly loopBusyMs: () => number;
  /** How long its thread wanted a core, with the time in which it had none; undefined = the system does not say. */
  readonly loopWantedMs: () => number | undefined;
  /** Cores that the process may use. */
  readonly budgetCores: () => number;
}

/** The parts of the server that a surface may stand on. */
export interface SurfaceParts {
  readonly lifecycle: RequestLifecycle;
  readonly resolver: ModelResolver;
  readonly modelInfo: ModelInfoHandler;
  readonly readiness: Readiness;
  readonly models: ModelManager;
  /** The last list of the server's own command line or file, which no caller changes. */
  readonly ownModels: () => readonly ModelConfig[];
  /** The log of changes that callers make. Undefined: they are not written down. */
  readonly audit: AuditLog | undefined;
  /** Reads and writes large messages. Undefined: they are read and written on the event loop. */
  readonly thread: CodecThread | undefined;
  /** Limit of a message, and of all tensors of a request together, in bytes. */
  readonly maxMessageBytes: number;
  readonly loads: LoadReadings;
  /** A proxy in front names the address of a TCP connection, by the PROXY protocol. */
  readonly hasProxyAddresses: boolean;
}

/** Changes the list of models while the server runs. */
export interface Source {
  /** The models of the start have been loaded, or have failed. */
  start(): void;
  /** The server drains, and its models stay as they are. */
  stop(): void;
}

/** Makes a surface when the server is assembled. */
export type SurfaceMaker = (parts: SurfaceParts) => Surface;

/** The parts of an assembled server, for what operators may ask it. */
export interface ServedParts {
  readonly machine: Machine;
  readonly models: ModelManager;
  readonly resolver: ModelResolver;
  readonly lifecycle: RequestLifecycle;
  readonly thread: CodecThread;
  /** Runs at a time over all models, by the cores that there were at the start. */
  readonly slots: number;
  /** Cores that runs may take now, over all models. */
  readonly runCores: () => number;
  /** The bound addresses; undefined until the ports are bound. */
  readonly addresses: () => { readonly grpc: readonly string[]; readonly rest: readonly string[] } | undefined;
  /**
   * The method of a request to the REST port with this path, and without headers; undefined if a page or the application
   * answers it. Throws the ServingError of a path that nothing has.
   */
  readonly restMethod: (method: 'GET' | 'POST', path: string) => RoutedMethod | undefined;
  readonly onInternalError: (error: unknown) => void;
}

/** Makes the engine of the gRPC port when the server is assembled. */
export type EngineMaker = (options: GrpcEngineOptions) => GrpcEngine;

export interface AdminParts extends ServedParts {
  /** Explains nothing where no feature does. */
  readonly look: LookAtVersions;
  /** The connections of clients, over gRPC and REST. */
  readonly clients: {
    readonly open: () => number;
    /** Tells those of open connections to go elsewhere; they have `graceMs` while they are idle. */
    readonly turnAway: (graceMs: number) => void;
  };
  /** Ends the process as a signal does; undefined if that is left to whoever made the server. */
  readonly quit: (() => void) | undefined;
}

export interface Installation {
  readonly config: ServeConfig;
  /** The environment that OpenTelemetry's variables are in; its SDK reads the process's own. */
  readonly environment: Environment;
  readonly clock: Clock;
  readonly logger: RootLogger;
  readonly telemetry: AppTelemetry;
  readonly readiness: ReadinessGate;
  readonly models: ModelSeams;
  /** Facts that features know of the server, for those that require them. */
  readonly facts: Facts;
  /** Decides who may do what; undefined: everybody may do everything. */
  readonly access: AccessControl | undefined;
  /** The log of changes and refusals; undefined: they are not written down. */
  readonly audit: AuditLog | undefined;
  /** Only one feature may control who does what. */
  controlAccess(control: AccessControl): void;
  /** Only one feature may limit what callers have in flight and send. */
  limitCallers(limits: CallerLimits): void;
  /** Only one feature may change the form in which callers are told of errors. */
  tellErrorsAs(toldAs: ToldAs): void;
  /** Only one feature may say which proxies are trusted. */
  trustProxies(proxies: TrustedProxies): void;
  /** Only one feature may write the audit log. */
  auditBy(log: AuditLog): void;
  /** Tells operators of an error that is nobody's request. */
  readonly onInternalError: (error: unknown) => void;
  /** Small files that are kept for the next start; undefined without --state_dir. */
  readonly stateFiles: StateFiles | undefined;
  /** Starts in the order of installation, closes in the reverse of it. */
  service(service: Service): void;
  /** Adds a source of models. `make` is called once, before surfaces are made. */
  source(make: (models: ModelManager) => Source): void;
  /** Adds methods of gRPC and REST for clients. */
  surface(make: SurfaceMaker): void;
  /** The HTTP/2 stack of the gRPC port, in place of the kernel's own. */
  engine(make: EngineMaker): void;
  /** Only one feature may have a front; `make` is called once, when the surfaces are made. */
  front(make: (parts: FrontParts) => Front): void;
  /** Only one feature may have a prelude. */
  prelude(make: MakePrelude): void;
  /** Deadlines of requests for others, which inference that is made for them takes over. Only one feature may have them. */
  carriedDeadlines(deadlines: CarriedDeadlines): void;
  /** Makes the page of metrics on clients' ports, or puts something in its place. */
  metricsPage(wrap: MetricsPageWrap): void;
  /** Adds paths of the admin port for operators. `make` is called once, when the server is assembled. */
  adminPaths(make: (parts: AdminParts) => readonly AdminPath[]): void;
  /** Reports for people. A feature adds its own while it installs, and the console reads them later. */
  readonly reports: ReportSource[];
  /** Explains in reports what bounds versions, and how good forecasts are. Only one feature may explain it. */
  explain(make: (parts: ServedParts) => LookAtVersions): void;
  /** Runs of models give way to other processes of the machine. */
  runOnSpareCores(): void;
}
