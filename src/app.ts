/**
 * The only wiring: makes every part in the order of its dependencies and gives {start, drain}. Nothing in src/ reaches
 * for a global: two apps can live in one process, and tests make as many as they like.
 *
 *   start   ports are bound ▸ models load ▸ ready            a failure closes everything and rejects
 *   drain   not ready ▸ GOAWAY, no new requests ▸ what is in flight ends, or the timeout passes ▸ models unload
 */
import { performance } from 'node:perf_hooks';
import { setImmediate } from 'node:timers';
import { AdminServer } from './admin/admin-server.ts';
import { modelsReport } from './admin/models-report.ts';
import type { ProfileEndpoint } from './admin/profile/profile-endpoint.ts';
import { RecordEndpoint } from './admin/record-endpoint.ts';
import { RequestsEndpoint } from './admin/requests-endpoint.ts';
import { createConsole } from './app-console.ts';
import { CoreWatch, slotsOf } from './app-cores.ts';
import { createModels, observeModels, processPlan } from './app-models.ts';
import { createProfiles } from './app-profile.ts';
import { createRecords } from './app-records.ts';
import { createModelFileWatch, createReloadHandler } from './app-reload.ts';
import { installedProviders } from './backends/registry.ts';
import { describeMachine, type Machine, readMachine } from './config/machine.ts';
import type { ServeConfig } from './config/serve-config.ts';
import type { ServeOptions } from './config/serve-options.ts';
import type { TlsConfig } from './config/tls-config.ts';
import { systemClock } from './core/clock.ts';
import { DeadlineTimer } from './core/deadline-timer.ts';
import type { ModelFileWatch } from './models/model-file-watch.ts';
import type { ModelManager } from './models/model-manager.ts';
import { ArrivalClock } from './proxy/arrival-clock.ts';
import type { GrpcEngine } from './proxy/grpc/engine.ts';
import { GrpcJsEngine } from './proxy/grpc/grpc-js-engine.ts';
import { GrpcServer } from './proxy/grpc/grpc-server.ts';
import { PillionEngine } from './proxy/grpc/pillion-engine.ts';
import { ModelInfoHandler } from './proxy/handlers/model-info.ts';
import { PredictHandler } from './proxy/handlers/predict.ts';
import { RestServer } from './proxy/http/http-server.ts';
import { ReadinessGate } from './proxy/readiness.ts';
import type { Records } from './proxy/records/records.ts';
import { RequestLifecycle } from './proxy/request-lifecycle.ts';
import type { ListenTls } from './proxy/tls-server.ts';
import { CoreSlots } from './scheduler/core-slots.ts';
import { createLogger, type LogLevel, type RootLogger } from './telemetry/log.ts';
import { type AppTelemetry, createTelemetry } from './telemetry/telemetry.ts';
import { createTracing, type Environment } from './telemetry/tracing.ts';
import { VERSION } from './version.ts';

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
  /** Ends in order, within the drain timeout. Twice is once. */
  drain(): Promise<void>;
}

/**
 * Once every request has its answer, how long the last answers may take to leave. Connections end by themselves when
 * theirs has left; this is for clients that do not read.
 */
const SENDING_MS = 1000;
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
    this.#modelFileWatch = createModelFileWatch(config, logger, this.#models);
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
      reload: createReloadHandler(config, logger, this.#models, telemetry.metrics),
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

  drain(): Promise<void> {
    this.#ended ??= this.#drain();
    return this.#ended;
  }

  async #drain(): Promise<void> {
    this.#readiness.setDraining();
    this.#recordings.drain();
    this.#profiles.drain();
    this.#modelFileWatch?.stop();
    const timeout = systemClock.setTimer(systemClock.nowMs() + this.#options.drain_timeout_ms, () => {
      this.logger.warn({ in_flight: this.#lifecycle.inFlight }, 'drain timeout: cancelling what is still in flight');
      this.#lifecycle.abandon();
    });
    const isEnding = Promise.all([this.#grpc.drain(), this.#rest.drain()]);
    // Requests that cross with the news of the end are answered; what comes after it the surfaces refuse themselves.
    await atMost(SENDING_MS, isEnding);
    await this.#lifecycle.drain();
    timeout.cancel();
    await atMost(SENDING_MS, isEnding);
    await Promise.all([this.#grpc.close(), this.#rest.close(), isEnding]);
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

/** Resolves when `work` has ended, or after that time. */
async function atMost(ms: number, work: Promise<unknown>): Promise<void> {
  let stopWaiting = (): void => undefined;
  const isOver = new Promise<void>((resolve) => {
    stopWaiting = resolve;
  });
  const timer = systemClock.setTimer(systemClock.nowMs() + ms, stopWaiting);
  await Promise.race([work, isOver]);
  timer.cancel();
}

function createGrpcEngine(
  options: ServeOptions,
  { budgetCores }: Machine,
  onInternalError: (error: unknown) => void,
  tls: ListenTls | undefined,
): GrpcEngine {
  const common = { clock: systemClock, maxReceiveBytes: options.max_message_bytes, onInternalError, tls };
  if (options.http2_engine === 'grpc-js') return new GrpcJsEngine(common);
  // With one core whoever else has work for it would wait.
  const spinMs = budgetCores < 2 ? 0 : options.grpc_spin_micros / 1000;
  const compressFromBytes = options.grpc_compress_from_bytes || Infinity;
  return new PillionEngine({ ...common, compressFromBytes, http2: { spinMs } });
}
