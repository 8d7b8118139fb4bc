/**
 * Builds all parts of the server in the order of their dependencies.
 *
 *   start   ports are bound ▸ models load ▸ ready            a failure closes everything and rejects
 *   drain   not ready ▸ surfaces drain (drain.ts) ▸ models unload
 */

import type { AdminServer } from '../../admin/admin-server.ts';
import { installedProviders } from '../../backends/backends.ts';
import { CodecThread } from '../../codec-thread/codec-thread.ts';
import { describeMachine, type Machine, readMachine } from '../../config/machine/machine.ts';
import { unreadFacts } from '../../config/machine/unread-facts.ts';
import type { ServeOptions } from '../../config/options/serve-options.ts';
import type { ServeConfig } from '../../config/serve-config.ts';
import { atMost, systemClock } from '../../core/clock.ts';
import { CoreBudget } from '../../core/core-budget.ts';
import { DeadlineTimer } from '../../core/deadline-timer.ts';
import type { TensorMap } from '../../core/tensor.ts';
import type { RootLogger } from '../../ledger/log/log.ts';
import type { AppTelemetry } from '../../ledger/telemetry.ts';
import type { FlushLosses } from '../../ledger/tracing/tracing.ts';
import type { ModelManager } from '../../models/lifecycle/model-manager.ts';
import { ModelInfoHandler } from '../../proxy/handlers/model-info.ts';
import { ModelResolver } from '../../proxy/handlers/model-resolver.ts';
import { formatHostPort } from '../../proxy/net/listen-address.ts';
import type { ReadinessGate } from '../../proxy/readiness.ts';
import type { RequestLifecycle } from '../../proxy/request-lifecycle.ts';
import { CoreSlots } from '../../scheduler/cores/core-slots.ts';
import type { Source } from '../installation.ts';
import { createAdmin } from './admin.ts';
import { boundFor } from './bound-for.ts';
import { capsOf, createDescriptorWatch, createGates } from './connection-limits.ts';
import { CoreWatch, runPriorityOf, slotsOf } from './cores.ts';
import type { DescriptorWatch } from './descriptor-watch.ts';
import { drainSurfaces, pause } from './drain.ts';
import type { Addresses, LocalPredict, Pillion } from './in-process.ts';
import type { Installer } from './installer.ts';
import { listenOnSurfaces } from './listeners.ts';
import { createLoads } from './load.ts';
import { LocalCalls } from './local-calls.ts';
import { MemoryWatch } from './memory.ts';
import { observeModels } from './model-metrics.ts';
import { createModels, processPlan } from './models.ts';
import { observeProcess } from './process-metrics.ts';
import { createReloads, createReread } from './reload.ts';
import { createRequestLifecycle } from './request-limits.ts';
import { createSurfaces, type Surfaces } from './surfaces.ts';
import { type AppTls, createTls } from './tls.ts';

/** The most time for models to end: a process that does not close is killed sooner; a run in a thread may last. */
const MODELS_END_MS = 10_000;

/** The parts from which a server is assembled, once its features have installed. */
interface ServerParts {
  readonly config: ServeConfig;
  readonly logger: RootLogger;
  readonly telemetry: AppTelemetry;
  readonly installed: Installer;
  readonly quit: (() => void) | undefined;
}

export class Server implements Pillion {
  readonly logger: RootLogger;
  leavesRuns = false;
  readonly #options: ServeOptions;
  readonly #isStrict: boolean;
  readonly #telemetry: AppTelemetry;
  readonly #machine: Machine = readMachine();
  readonly #deadlines = new DeadlineTimer(systemClock);
  readonly #readiness: ReadinessGate;
  readonly #lifecycle: RequestLifecycle;
  readonly #coreWatch: CoreWatch;
  readonly #memoryWatch: MemoryWatch;
  readonly #descriptorWatch: DescriptorWatch;
  readonly #models: ModelManager;
  /** The sources of models, the file that lists them included. */
  readonly #sources: readonly Source[];
  readonly #tls: AppTls | undefined;
  readonly #reread: ReturnType<typeof createReread>;
  readonly #thread = new CodecThread(systemClock);
  readonly #surfaces: Surfaces;
  readonly #admin: AdminServer;
  readonly #installed: Installer;
  readonly #localCalls: LocalCalls;
  #addresses: Addresses | undefined;
  /** Some model may run in this process. Otherwise nothing of a runtime is loaded here. */
  readonly #hasRuntimes: boolean;
  #areModelsStarted = false;
  #ended: Promise<void> | undefined;

  constructor({ config, logger, telemetry, installed, quit }: ServerParts) {
    const { options } = config;
    const { metrics } = telemetry;
    const machine = this.#machine;
    const { budgetCores } = machine;
    const thread = this.#thread;
    this.logger = logger;
    this.#options = options;
    this.#isStrict = config.oneByOne?.isStrict === true;
    this.#telemetry = telemetry;

    const budget = new CoreBudget(budgetCores);
    const coreSlots = new CoreSlots(slotsOf(options, budgetCores), systemClock);
    const { models: seams, readiness, onInternalError } = installed;
    const { kept } = seams;
    this.#memoryWatch = new MemoryWatch({ clock: systemClock, logger, metrics, options, inputs: coreSlots, kept });
    const lifecycle = createRequestLifecycle(options, telemetry, this.#deadlines, this.#memoryWatch.budget, installed);
    this.#coreWatch = new CoreWatch({ clock: systemClock, logger, options, slots: coreSlots, budget });
    // A version that has just become available is found in the next turn.
    const onChange = (): void => queueMicrotask(() => this.#judgeReadiness());
    const shared = { config, machine, budget, coreSlots, logger, telemetry, thread };
    const models = createModels({ ...shared, installed, isServing: () => this.#models.isReady, onChange });
    seams.serve(models);
    const sources = installed.sources.map((make) => make(models));
    const reloads = createReloads(config, logger, models);
    const resolver = new ModelResolver(models, seams);
    const modelInfo = new ModelInfoHandler(models);
    this.#readiness = readiness;
    const common = {
      config,
      installed,
      machine,
      lifecycle,
      thread,
      resolver,
      readiness,
      telemetry,
      logger,
      onInternalError,
    };
    const tls = createTls(config, logger, metrics);
    const caps = capsOf(options, installed.makeFront !== undefined);
    const gates = createGates(options, caps, metrics, logger);
    this.#descriptorWatch = createDescriptorWatch(gates, logger);
    const connections = { gates, caps, tls: tls?.listen };
    const loads = createLoads(coreSlots, budget);
    this.#surfaces = createSurfaces({
      ...{ ...common, ...connections, loads, models, modelInfo },
      ownModels: reloads.ownModels,
    });
    const { grpc, rest } = this.#surfaces;
    this.#admin = createAdmin({
      ...common,
      clients: {
        open: () => gates.grpc.open + gates.rest.open,
        turnAway: (graceMs) => {
          grpc.turnAway();
          rest.turnAway(graceMs);
        },
      },
      quit,
      gate: gates.admin,
      models,
      callers: coreSlots.callers,
      slots: coreSlots.total,
      runCores: () => coreSlots.total,
      restMethod: (method, path) => this.#surfaces.rest.routed(method, path),
      addresses: () => this.#addresses,
    });

    this.#localCalls = new LocalCalls({ lifecycle, resolver, onInternalError });
    this.#installed = installed;
    this.#lifecycle = lifecycle;
    this.#models = models;
    this.#hasRuntimes = config.models.some((model) => (model.host ?? options.host) !== 'process');
    this.#sources = [...(reloads.fileWatch === undefined ? [] : [reloads.fileWatch]), ...sources];
    this.#tls = tls;
    this.#reread = createReread({ models: reloads.fileWatch, certificates: tls?.watch }, logger);
    observeProcess(metrics, lifecycle, budgetCores, logger);
    observeModels(models, telemetry);
    for (const warning of config.warnings) logger.warn({ event: 'config_warning' }, warning);
  }

  async start(): Promise<Addresses> {
    try {
      const addresses = await this.#listen();
      this.#addresses = addresses;
      const providers = this.#hasRuntimes ? await installedProviders() : [];
      const { slots, intra_op_threads, max_batch_size } = processPlan(this.#options, this.#machine);
      const run_priority = runPriorityOf(this.#options, this.#machine);
      const plan = { slots, intra_op_threads, max_batch_size, run_priority };
      const named = providers.length === 0 ? {} : { providers: providers.join(' ') };
      const machine = { ...describeMachine(this.#machine), ...named, ...plan };
      this.logger.info({ event: 'machine', ...machine }, 'machine and plan');
      const unread = unreadFacts();
      if (unread.length > 0) this.logger.info({ event: 'machine_unread', unread }, 'not told by this system');
      this.logger.info({ event: 'listening', ...addresses }, 'listening; loading models');
      this.#coreWatch.start();
      this.#tls?.watch.start();
      this.#memoryWatch.start();
      this.#descriptorWatch.start();
      for (const service of this.#installed.services) service.start?.();
      await Promise.all([this.#models.start(), this.#telemetry.start()]);
      // The server was drained before the models were ready.
      if (!this.#models.isReady) return addresses;
      this.#areModelsStarted = true;
      this.#judgeReadiness();
      for (const late of this.#models.waitsFor()) this.logger.warn({ event: 'not_loaded' }, `served without ${late}`);
      for (const source of this.#sources) source.start();
      this.logger.info({ event: 'ready', ...addresses, models: this.#models.modelNames }, 'ready');
      return addresses;
    } catch (error) {
      await this.#close();
      throw error;
    }
  }

  predict(request: LocalPredict): Promise<TensorMap> {
    return this.#localCalls.predict(request);
  }

  reread(): void {
    const phase = this.#ended !== undefined ? 'ending' : this.#areModelsStarted ? 'serving' : 'starting';
    for (const service of this.#installed.services) service.reread?.();
    this.#reread(phase);
  }

  drain(): Promise<void> {
    this.#ended ??= this.#drain();
    return this.#ended;
  }

  /** A server that was ready once stays ready, unless its source of models is strict. */
  #judgeReadiness(): void {
    if (!this.#areModelsStarted || this.#ended !== undefined) this.#readiness.noteModels();
    else this.#readiness.setModelsReady(!this.#isStrict || this.#models.areAllAvailable);
  }

  async #drain(): Promise<void> {
    const { drain_delay_ms, drain_timeout_ms } = this.#options;
    const isAsked = this.#readiness.missing === 'draining';
    this.#readiness.setDraining();
    for (const source of this.#sources) source.stop();
    // A server that was never ready has no traffic; one whose drain was asked for has had the delay.
    const { grpc, rest } = this.#surfaces;
    if (this.#readiness.hasBeenReady && !isAsked && drain_delay_ms > 0) {
      await pause(drain_delay_ms / 2);
      rest.tellClients();
      await pause(drain_delay_ms / 2);
    }
    this.logger.info({ event: 'draining' }, 'draining: no new connections, finishing what clients have begun');
    this.#admin.drain();
    const others = this.#installed.services.flatMap(({ underWay }) => underWay ?? []);
    const parts = { logger: this.logger, lifecycle: this.#lifecycle, surfaces: [grpc, rest], others };
    const cut = await drainSurfaces({ ...parts, timeoutMs: drain_timeout_ms });
    const losses = await this.#close();
    this.logger.info({ event: 'drained', ...cut, ...losses }, 'drained');
  }

  async #close(): Promise<FlushLosses> {
    this.#tls?.watch.stop();
    await Promise.all([this.#surfaces.grpc.close(), this.#surfaces.rest.close()]);
    await this.#thread.close();
    this.#coreWatch.stop();
    this.#memoryWatch.stop();
    this.#descriptorWatch.stop();
    await this.#closeModels();
    await this.#admin.close();
    await Promise.all([this.#surfaces.metrics?.close(), this.#surfaces.probes?.close()]);
    await this.#installed.close();
    this.#deadlines.close();
    return await this.#telemetry.close();
  }

  /** Nobody waits for runs any more: every request has been answered. */
  async #closeModels(): Promise<void> {
    this.leavesRuns = true;
    await atMost(
      systemClock,
      MODELS_END_MS,
      this.#models.close().then(() => {
        this.leavesRuns = false;
      }),
    );
    if (this.leavesRuns) this.logger.warn({ event: 'runs_left' }, 'runs of a model have not ended: they are left');
  }

  async #listen(): Promise<Addresses> {
    const { grpc, rest } = await listenOnSurfaces(this.#options, this.#surfaces);
    const { bind_address, metrics_port, probe_port } = this.#options;
    const { metrics: metricsPage, probes: probePages } = this.#surfaces;
    const metricsAt = formatHostPort(bind_address, metrics_port);
    const metrics = await boundFor('metrics_port', this.#options, async () => metricsPage?.listen(metricsAt));
    // A kubelet asks the pod's address, also where the clients' ports are on loopback alone.
    const probes = await boundFor('probe_port', this.#options, async () => probePages?.listen(`[::]:${probe_port}`));
    const pages = { ...(metrics !== undefined && { metrics }), ...(probes !== undefined && { probes }) };
    return { grpc, rest, admin: await this.#listenForOperators(), ...pages };
  }

  async #listenForOperators(): Promise<string> {
    const { admin_port: port, admin_socket_path: path } = this.#options;
    if (path !== '') await boundFor('admin_socket_path', this.#options, () => this.#admin.listenOnSocket(path));
    if (port === -1) return `unix:${path}`;
    return `127.0.0.1:${await boundFor('admin_port', this.#options, () => this.#admin.listen(port))}`;
  }
}
