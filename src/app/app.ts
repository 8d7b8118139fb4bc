/**
 * The only wiring: makes every part in the order of its dependencies and gives {start, drain}. Nothing in src/ reaches
 * for a global: two apps can live in one process, and tests make as many as they like.
 *
 *   start   ports are bound ▸ models load ▸ ready            a failure closes everything and rejects
 *   drain   not ready ▸ surfaces drain (drain.ts) ▸ models unload
 */
import { performance } from 'node:perf_hooks';
import { setImmediate } from 'node:timers';
import { AdminServer } from '../admin/admin-server.ts';
import { modelsReport } from '../admin/models-report.ts';
import type { ProfileEndpoint } from '../admin/profile/profile-endpoint.ts';
import { RecordEndpoint } from '../admin/record-endpoint.ts';
import { RequestsEndpoint } from '../admin/requests-endpoint.ts';
import { installedProviders } from '../backends/registry.ts';
import { describeMachine, type Machine, readMachine } from '../config/machine/machine.ts';
import type { ServeConfig } from '../config/serve-config.ts';
import type { ServeOptions } from '../config/serve-options.ts';
import type { TlsConfig } from '../config/tls-config.ts';
import { systemClock } from '../core/clock.ts';
import { DeadlineTimer } from '../core/deadline-timer.ts';
import type { ModelFileWatch } from '../models/lifecycle/model-file-watch.ts';
import type { ModelManager } from '../models/lifecycle/model-manager.ts';
import { ArrivalClock } from '../proxy/arrival-clock.ts';
import { PredictHandler } from '../proxy/handlers/inference-call.ts';
import { ModelInfoHandler } from '../proxy/handlers/model-info.ts';
import type { ListenTls } from '../proxy/net/tls-server.ts';
import { ReadinessGate } from '../proxy/readiness.ts';
import type { Records } from '../proxy/records/records.ts';
import { RequestLifecycle } from '../proxy/request-lifecycle.ts';
import { GrpcServer } from '../proxy/servers/grpc-server.ts';
import { RestServer } from '../proxy/servers/http-server.ts';
import { CoreSlots } from '../scheduler/cores/core-slots.ts';
import { createLogger, type LogLevel, type RootLogger } from '../telemetry/log/log.ts';
import { type AppTelemetry, createTelemetry } from '../telemetry/telemetry.ts';
import { createTracing } from '../telemetry/tracing/tracing.ts';
import type { Environment } from '../telemetry/tracing/tracing-options.ts';
import { VERSION } from '../version.ts';
import { createConsole } from './console.ts';
import { CoreWatch, slotsOf } from './cores.ts';
import { atMost, drainSurfaces, pause } from './drain.ts';
import { createGrpcEngine } from './grpc-engine.ts';
import { createModels, observeModels, processPlan } from './models.ts';
import { createProfiles } from './profile.ts';
import { createRecords } from './records.ts';
import { createReloads, rereadModelFile } from './reload.ts';

/** Where the server listens, as bound: "127.0.0.1:8500", "[::]:8500", "unix:/run/pillion.sock". */
export interface Addresses {
  readonly grpc: readonly string[];
  readonly rest: readonly string[];
  readonly admin: string;
}

export interface App {
  readonly logger: RootLogger;
  /**
   * Resolves when ready, which may take until a model is put where it is looked for, or when drained before. Rejects with
   * the first failure (port in use, model does not load); everything is closed then.
   */
  start(): Promise<Addresses>;
  /** Reads the file that lists the models now, whatever its polls; the log says what came of it, or why it is ignored. */
  reread(): void;
  /** Ends in order, within the drain's delay and timeout. Twice is once. */
  drain(): Promise<void>;
}

/** How long the disk may take for the last records of the request logs. */
const FLUSHING_MS = 5000;

export function createApp(config: ServeConfig, environment: Environment): App {
  const clock = systemClock;
  const logger = createLogger({
    level: config.options.log_level as LogLevel,
    clock,
    base: { service: 'pillion', version: VERSION },
  });
  const otel = { env: environment, clock, logger, version: VERSION };
  const telemetry = createTelemetry({
    clock,
    logger,
    tracing: createTracing(otel),
    metricsExport: otel,
    recentRequests: config.options.flight_recorder_requests,
    keptPerSecond: config.options.tail_keep_per_second,
  });
  return new PillionApp(config, logger, telemetry);
}

class PillionApp implements App {
  readonly logger: RootLogger;
  readonly #options: ServeOptions;
  readonly #telemetry: AppTelemetry;
  readonly #machine: Machine = readMachine();
  readonly #deadlines = new DeadlineTimer(systemClock);
  readonly #readiness = new ReadinessGate();
  readonly #lifecycle: RequestLifecycle;
  readonly #records: Records;
  readonly #coreWatch: CoreWatch;
  readonly #models: ModelManager;
  readonly #grpc: GrpcServer;
  readonly #rest: RestServer;
  readonly #recordings: RecordEndpoint;
  readonly #profiles: ProfileEndpoint;
  readonly #admin: AdminServer;
  readonly #modelFileWatch: ModelFileWatch | undefined;
  #addresses: Addresses | undefined;
  #ended: Promise<void> | undefined;

  constructor(config: ServeConfig, logger: RootLogger, telemetry: AppTelemetry) {
    const { options } = config;
    this.logger = logger;
    this.#options = options;
    this.#telemetry = telemetry;
    this.#lifecycle = new RequestLifecycle({
      clock: systemClock,
      deadlines: this.#deadlines,
      telemetry,
      maxTimeoutMs: { rest: options.rest_api_timeout_in_ms, grpc: options.grpc_api_timeout_in_ms || Infinity },
      arrivals: new ArrivalClock({
        clock: systemClock,
        sleptMs: () => performance.nodeTiming.idleTime,
        defer: (run) => void setImmediate(run),
      }),
    });
    const onInternalError = (error: unknown): void =>
      this.logger.error({ err: error }, 'a request met an internal error');
    this.#records = createRecords({
      ...{ options, logger, onInternalError, metrics: telemetry.metrics },
      isServing: () => this.#models.isReady,
    });
    const { budgetCores } = this.#machine;
    const coreSlots = new CoreSlots(slotsOf(options, budgetCores), systemClock);
    this.#coreWatch = new CoreWatch({ clock: systemClock, logger, options, slots: coreSlots, budgetCores });
    this.#models = createModels({
      ...{ config, machine: this.#machine, coreSlots, logger, telemetry, records: this.#records },
    });
    const reloads = createReloads(config, logger, this.#models, telemetry.metrics);
    this.#modelFileWatch = reloads.fileWatch;
    const predict = new PredictHandler(this.#models);
    const modelInfo = new ModelInfoHandler(this.#models);
    const common = {
      lifecycle: this.#lifecycle,
      predict,
      modelInfo,
      onInternalError,
    };
    const tls = config.tls && this.#listenTls(config.tls);
    this.#grpc = new GrpcServer({
      ...common,
      readiness: this.#readiness,
      reload: reloads.handler,
      engine: createGrpcEngine(options, this.#machine, onInternalError, tls),
      options: {
        serializationAsTensorContent: options.enable_serialization_as_tensor_content,
        maxTensorBytes: options.max_message_bytes,
      },
    });
    this.#rest = new RestServer({
      ...common,
      metrics: (accept) => telemetry.metrics.page({ accept, withTfServing: true }),
      metricsPath: config.metricsPath ?? '',
      maxBodyBytes: options.max_message_bytes,
      compressFromBytes: options.rest_compress_from_bytes || Infinity,
      hasCors: options.rest_api_enable_cors_support,
      tls: options.rest_api_tls ? tls : undefined,
      serializationAsTensorContent: options.enable_serialization_as_tensor_content,
    });
    this.#recordings = new RecordEndpoint({
      clock: systemClock,
      taps: this.#records.taps,
      counters: this.#records.counters,
      models: () => this.#models.modelNames,
    });
    this.#profiles = createProfiles(this.#models, telemetry);
    this.#admin = new AdminServer({
      readiness: this.#readiness,
      waitsFor: () => this.#models.waitsFor(),
      models: () => modelsReport(this.#models, this.#readiness.isReady, processPlan(options, this.#machine)),
      metrics: (page) => telemetry.metrics.page(page),
      record: this.#recordings,
      profile: this.#profiles,
      requests: new RequestsEndpoint({
        recorder: telemetry.flights,
        clock: systemClock,
        payloads: this.#records.payloads,
      }),
      console: createConsole({
        ...{ options, predict, logger, telemetry, onInternalError, models: this.#models, lifecycle: this.#lifecycle },
        addresses: () => this.#addresses,
        isGrpcTls: tls !== undefined,
        slots: slotsOf(options, this.#machine.budgetCores),
      }),
      onInternalError: common.onInternalError,
    });
    this.#observe();
    observeModels(this.#models, telemetry);
    for (const warning of config.warnings) logger.warn({ event: 'config_warning' }, warning);
  }

  /** What is asked for at each scrape. */
  #observe(): void {
    const { metrics } = this.#telemetry;
    metrics.gauges.observe(
      'pillion_requests_in_flight',
      'Requests begun and not yet answered.',
      () => this.#lifecycle.inFlight,
    );
    const { budgetCores } = this.#machine;
    metrics.gauges.observe(
      'pillion_cpu_budget_cores',
      'Cores that the process may use: affinity and quota.',
      () => budgetCores,
    );
  }

  #listenTls(config: TlsConfig): ListenTls {
    const onHandshakeFailed = (error: Error, peer: string): void =>
      this.logger.debug({ err: error, peer }, 'a TLS handshake failed');
    return { config, onHandshakeFailed };
  }

  async start(): Promise<Addresses> {
    try {
      const addresses = await this.#listen();
      this.#addresses = addresses;
      const providers = await installedProviders();
      const machine = { ...describeMachine(this.#machine), providers: providers.join(' '), ...this.#plan() };
      this.logger.info({ event: 'machine', ...machine }, 'machine and plan');
      this.logger.info({ event: 'listening', ...addresses }, 'listening; loading models');
      this.#coreWatch.start();
      await Promise.all([this.#models.start(), this.#telemetry.start()]);
      // Told to end before the models were there.
      if (!this.#models.isReady) return addresses;
      this.#readiness.setModelsReady(true);
      this.#modelFileWatch?.start();
      this.logger.info({ event: 'ready', ...addresses, models: this.#models.modelNames }, 'ready');
      return addresses;
    } catch (error) {
      await this.#close();
      throw error;
    }
  }

  reread(): void {
    const phase = this.#ended !== undefined ? 'ending' : this.#readiness.isReady ? 'serving' : 'starting';
    rereadModelFile(this.#modelFileWatch, this.logger, phase);
  }

  drain(): Promise<void> {
    this.#ended ??= this.#drain();
    return this.#ended;
  }

  async #drain(): Promise<void> {
    const { drain_delay_ms, drain_timeout_ms } = this.#options;
    const wasReady = this.#readiness.isReady;
    this.#readiness.setDraining();
    this.#modelFileWatch?.stop();
    // Who was never ready has no traffic that must learn to go elsewhere.
    if (wasReady && drain_delay_ms > 0) await pause(drain_delay_ms);
    this.logger.info({ event: 'draining' }, 'draining: no new connections, finishing what clients have begun');
    this.#recordings.drain();
    this.#profiles.drain();
    await drainSurfaces({
      ...{ logger: this.logger, lifecycle: this.#lifecycle, surfaces: [this.#grpc, this.#rest] },
      timeoutMs: drain_timeout_ms,
    });
    await this.#close();
    this.logger.info({ event: 'drained' }, 'drained');
  }

  async #close(): Promise<void> {
    await Promise.all([this.#grpc.close(), this.#rest.close()]);
    this.#coreWatch.stop();
    await this.#models.close();
    await atMost(FLUSHING_MS, this.#records.close());
    await this.#admin.close();
    this.#deadlines.close();
    await this.#telemetry.close();
  }

  async #listen(): Promise<Addresses> {
    const { bind_address, port, rest_api_port, grpc_socket_path, rest_socket_path, admin_port } = this.#options;
    const host = bind_address.includes(':') ? `[${bind_address}]` : bind_address;
    const on = (tcpPort: number, socketPath: string): string[] =>
      socketPath === '' ? [`${host}:${tcpPort}`] : [`${host}:${tcpPort}`, `unix:${socketPath}`];
    const grpc = await this.#grpc.listen(on(port, grpc_socket_path));
    const rest: string[] = [];
    for (const address of on(rest_api_port, rest_socket_path)) rest.push(await this.#rest.listen(address));
    return { grpc, rest, admin: `127.0.0.1:${await this.#admin.listen(admin_port)}` };
  }

  /** What follows from the machine, for the start line. */
  #plan(): Readonly<Record<string, unknown>> {
    const { max_batch_size, intra_op_threads } = this.#options;
    const slots = slotsOf(this.#options, this.#machine.budgetCores);
    return { slots, intra_op_threads, max_batch_size };
  }
}
