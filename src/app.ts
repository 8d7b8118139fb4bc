/**
 * The only wiring: makes every part in the order of its dependencies and gives {start, drain}. Nothing in src/ reaches
 * for a global: two apps can live in one process, and tests make as many as they like.
 *
 *   start   ports are bound ▸ models load ▸ ready            a failure closes everything and rejects
 *   drain   not ready ▸ GOAWAY, no new requests ▸ what is in flight ends, or the timeout passes ▸ models unload
 */
import process from 'node:process';
import { AdminServer } from './admin/admin-server.ts';
import { installedProviders } from './backends/registry.ts';
import { readFreeMemory } from './config/free-memory.ts';
import { describeMachine, type Machine, readMachine } from './config/machine.ts';
import type { HostChoice } from './config/model-config.ts';
import type { ServeConfig } from './config/serve-config.ts';
import type { ServeOptions } from './config/serve-options.ts';
import { systemClock } from './core/clock.ts';
import { DeadlineTimer } from './core/deadline-timer.ts';
import { LatencyStore } from './models/latency-store.ts';
import { type HostEvents, servableLoader } from './models/load-servable.ts';
import { memoryCheckedLoad } from './models/memory-checked-load.ts';
import { describeMemory, memoryReadings } from './models/memory-report.ts';
import { type LoadServable, ModelManager } from './models/model-manager.ts';
import type { GrpcEngine } from './proxy/grpc/engine.ts';
import { GrpcJsEngine } from './proxy/grpc/grpc-js-engine.ts';
import { GrpcServer } from './proxy/grpc/grpc-server.ts';
import { PillionEngine } from './proxy/grpc/pillion-engine.ts';
import { ModelInfoHandler } from './proxy/handlers/model-info.ts';
import { PredictHandler } from './proxy/handlers/predict.ts';
import { RestServer } from './proxy/http/http-server.ts';
import { ReadinessGate } from './proxy/readiness.ts';
import { RequestLifecycle } from './proxy/request-lifecycle.ts';
import { CoreSlots } from './scheduler/core-slots.ts';
import type { SchedulerKind } from './scheduler/scheduler-options.ts';
import { createLogger, type LogLevel, type RootLogger } from './telemetry/log.ts';
import { type AppTelemetry, createTelemetry } from './telemetry/telemetry.ts';
import { type Environment, startTracing } from './telemetry/tracing.ts';
import { VERSION } from './version.ts';

/** Where the server listens, as bound: "127.0.0.1:8500", "[::]:8500", "unix:/run/pillion.sock". */
export interface Addresses {
  readonly grpc: readonly string[];
  readonly rest: readonly string[];
  readonly admin: string;
}

export interface App {
  readonly logger: RootLogger;
  /** Resolves when ready. Rejects with the first failure (port in use, model does not load); everything is closed then. */
  start(): Promise<Addresses>;
  /** Ends in order, within the drain timeout. Twice is once. */
  drain(): Promise<void>;
}

/**
 * Once every request has its answer, how long the last answers may take to leave. Connections end by themselves when
 * theirs has left; this is for clients that do not read.
 */
const SENDING_MS = 1000;

export async function createApp(config: ServeConfig, environment: Environment): Promise<App> {
  const clock = systemClock;
  const logger = createLogger({
    level: config.options.log_level as LogLevel,
    clock,
    base: { service: 'pillion', version: VERSION },
  });
  const tracing = await startTracing({ env: environment, clock, logger, version: VERSION });
  const telemetry = createTelemetry({ clock, logger, tracing });
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
  readonly #models: ModelManager;
  readonly #grpc: GrpcServer;
  readonly #rest: RestServer;
  readonly #admin: AdminServer;
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
    });
    this.#models = this.#createModels(config);
    const predict = new PredictHandler(this.#models);
    const modelInfo = new ModelInfoHandler(this.#models);
    const common = {
      lifecycle: this.#lifecycle,
      predict,
      modelInfo,
      onInternalError: (error: unknown): void => this.logger.error({ err: error }, 'a request met an internal error'),
    };
    const metrics = () => telemetry.metrics.page();
    this.#grpc = new GrpcServer({
      ...common,
      readiness: this.#readiness,
      engine: createGrpcEngine(options, common.onInternalError),
      options: {
        serializationAsTensorContent: options.enable_serialization_as_tensor_content,
        maxTensorBytes: options.max_message_bytes,
      },
    });
    this.#rest = new RestServer({ ...common, metrics, maxBodyBytes: options.max_message_bytes });
    this.#admin = new AdminServer({ readiness: this.#readiness, metrics, onInternalError: common.onInternalError });
    this.#observeGauges();
  }

  async start(): Promise<Addresses> {
    try {
      const addresses = await this.#listen();
      const providers = await installedProviders();
      const machine = { ...describeMachine(this.#machine), providers: providers.join(' '), ...this.#plan() };
      this.logger.info({ event: 'machine', ...machine }, 'machine and plan');
      this.logger.info({ event: 'listening', ...addresses }, 'listening; loading models');
      await this.#models.start();
      this.#readiness.setModelsReady(true);
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
    await this.#models.close();
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

  #createModels(config: ServeConfig): ModelManager {
    return new ModelManager({
      models: config.models,
      load: memoryCheckedLoad(this.#createLoader(config.options), {
        sessions: this.#slots,
        readFree: readFreeMemory,
        readResident: () => process.memoryUsage.rss(),
        onLoaded: (servable) => this.logger.info(describeMemory(servable), 'memory of the model version'),
      }),
      onTransition: (model, { version, state, error }) => {
        const fields = { model, version: version.toString(), state };
        if (error === undefined) this.logger.info(fields, 'model version');
        else this.logger.error({ ...fields, err: error }, 'model version failed to load');
      },
    });
  }

  #createLoader(options: ServeOptions): LoadServable {
    return servableLoader({
      clock: systemClock,
      telemetry: this.#telemetry,
      scheduler: {
        maxBatchSize: options.max_batch_size,
        batchTimeoutMicros: options.batch_timeout_micros,
        maxEnqueuedBatches: options.max_enqueued_batches,
        allowedBatchSizes: options.allowed_batch_sizes,
        kind: options.scheduler as SchedulerKind,
        sloMs: options.slo_ms || undefined,
        maxQueuedBytes: this.#maxQueuedBytes,
      },
      coreSlots: new CoreSlots(this.#slots, systemClock),
      latencies: new LatencyStore({
        directory: options.state_dir,
        clock: systemClock,
        logger: this.logger,
        cpuModel: this.#machine.cpuModel,
        threads: options.intra_op_threads,
      }),
      slots: this.#slots,
      intraOpThreads: options.intra_op_threads,
      cores: this.#machine.budgetCores,
      isBatchingEnabled: options.enable_batching,
      host: options.host as HostChoice,
      events: this.#hostEvents(),
    });
  }

  #hostEvents(): HostEvents {
    const of = (model: string, version: bigint) => ({ model, version: version.toString() });
    return {
      onHost: (model, version, { kind, reason }) =>
        this.logger.info({ ...of(model, version), host: kind, reason }, `runs ${kind}: ${reason}`),
      onMove: (model, version, { isDone, reason }) =>
        this.logger.warn({ ...of(model, version), reason }, isDone ? 'moved to threads' : 'could not move to threads'),
      onWorkerEvent: (model, version, { what, slot, reason }) =>
        this.logger.warn({ ...of(model, version), slot, reason }, `worker thread ${what}`),
    };
  }

  /** Bytes of inputs that may wait. */
  get #maxQueuedBytes(): number {
    const { memoryLimitBytes, totalMemoryBytes } = this.#machine;
    return this.#options.max_queued_mib * 2 ** 20 || Math.min(memoryLimitBytes ?? Infinity, totalMemoryBytes) / 4;
  }

  /** Runs at a time, over all models: one a core, less one for the event loop that feeds them. */
  get #slots(): number {
    return this.#options.num_batch_threads || Math.max(1, this.#machine.budgetCores - 1);
  }

  /** What follows from the machine, for the start line. */
  #plan(): Readonly<Record<string, unknown>> {
    const { max_batch_size, intra_op_threads } = this.#options;
    return { slots: this.#slots, intra_op_threads, max_batch_size };
  }

  #observeGauges(): void {
    const { metrics } = this.#telemetry;
    metrics.observeInFlight(() => this.#lifecycle.inFlight);
    metrics.observeMemory(() => [...this.#models.servables()].flatMap(memoryReadings));
    metrics.observeQueues(() =>
      [...this.#models.servables()].map(({ name, version, runner }) => ({
        model: name,
        version: version.toString(),
        rows: runner.queuedRows,
        tasks: runner.queuedTasks,
        runningBatches: runner.runningBatches,
      })),
    );
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

function createGrpcEngine(options: ServeOptions, onInternalError: (error: unknown) => void): GrpcEngine {
  const common = { clock: systemClock, maxReceiveBytes: options.max_message_bytes, onInternalError };
  if (options.http2_engine === 'grpc-js') return new GrpcJsEngine(common);
  return new PillionEngine({ ...common, compressFromBytes: options.grpc_compress_from_bytes || Infinity });
}
