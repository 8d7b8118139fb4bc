/** Builds the layers that a version's requests pass through. */
import type { Host } from '../../backends/host/start-host.ts';
import { DEFAULT_BREAKER, type ModelConfig } from '../../config/model-config.ts';
import type { Facts } from '../../core/collections/facts.ts';
import type { SharedError } from '../../core/errors.ts';
import type { Executor } from '../../core/executor.ts';
import type { Signatures } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';
import type { AdmittedWork } from '../../scheduler/admission/promised-work.ts';
import type { LatencyEstimate } from '../../scheduler/latency/latency-curve.ts';
import { Scheduler } from '../../scheduler/scheduler.ts';
import type { PartedRequest, TaskContext } from '../../scheduler/task.ts';
import { startBackgroundHost, startQuarantineHost } from '../runtimes/open-version.ts';
import { Breaker } from '../serving/breaker.ts';
import { CrashQuarantine } from '../serving/crash-quarantine.ts';
import { DeclaredSignatureRunner, type DeclaredSignatures } from '../serving/declared-signature-runner.ts';
import { GuardedExecutor } from '../serving/guarded-executor.ts';
import type { SchedulerRequest, ServableRunner } from '../serving/servable.ts';
import type { KeptLatency } from './latency-store.ts';
import { type BatchLayer, NO_LAYERS } from './layers.ts';
import type { LoadServableOptions } from './load-options.ts';
import type { OpenedVersion, VersionTarget } from './version-target.ts';

export interface VersionStack {
  readonly scheduler: Scheduler;
  /** The outermost layer. */
  readonly runner: ServableRunner;
}

/**
 * Each layer holds the next one as `inner` and has the same interface. Outermost first; those above the scheduler
 * handle requests, those below it batches:
 *
 *   layers of requests       of features, the last installed one outermost (layers.ts): whoever answers without a run
 *                            spares what is below.
 *   DeclaredSignatureRunner  turns a request for a declared signature into one for the graph's own. Above the breaker
 *                            and the scheduler, which know only the graph's signatures.
 *   layers of runs           of features: above the scheduler, which batches what they make of requests like others;
 *                            below the views, so that they know only the graph's names.
 *   ScheduledRunner          refuses requests while the breaker is open, and sends those that may end the model's process
 *                            to the quarantine, which has a scheduler and a process of its own. Above the scheduler,
 *                            so that neither waits there.
 *   Scheduler                makes batches of requests.
 *   GuardedExecutor          the circuit breaker. Above everything that runs a batch, so that each failure counts.
 *   layers of batches        of features, such as one that copies some to another runtime. Below the breaker, so that
 *                            they see only batches that run, and their own failures do not count; above the host, which
 *                            takes the inputs' memory.
 *   WideningExecutor         converts int32 outputs to int64. Directly above the runtime that needs it.
 *   MovableHost              a pointer to the host, which may change while batches run.
 *   a host                   inline, threads or processes: where batches run.
 *   a Session                the runtime's own.
 *
 * The last four are already opened (runtimes/open-version.ts, backends/host/start-host.ts). The others are built here,
 * from the inside out, as far as the configuration asks for them: those below the scheduler by StackBase.
 *
 * `onMisfit` is called once for each signature that a run has shown to have no such batch axis, and `warn` by layers
 * while they are composed.
 */
export async function buildStack(
  options: LoadServableOptions,
  target: VersionTarget,
  { signatures, views }: StackSignatures,
  base: StackBase,
  warnings: { readonly onMisfit: (warning: string) => void; readonly warn: (warning: string) => void },
): Promise<VersionStack> {
  const { model, version, batching, hashArtifact } = target;
  const { clock, telemetry, coreSlots, latencies, maxTensorBytes, thread, layers = NO_LAYERS } = options;
  const { scheduler: batchingOptions } = batching;
  base.share();
  const scheduler = new Scheduler({
    executor: base.executor,
    signatures,
    options: { ...batchingOptions, sloMs: model.sloMs ?? batchingOptions.sloMs, weight: model.weight },
    clock,
    telemetry,
    slots: coreSlots,
    model: model.name,
    version: version.toString(),
    onMisfit: (signature, reason) => warnings.onMisfit(misfitText(signature, reason)),
    quarantine: base.quarantine,
  });
  const kept = await latencies.keep(model.name, version, hashArtifact, scheduler.latency, base.namedRuntime);
  const scheduled = new ScheduledRunner(scheduler, kept, base);
  const layered = { model, version, isComposed: false, signatures, facts: base.facts, warn: warnings.warn };
  const graph = layers.runs.reduce((inner: ServableRunner, layer) => layer(inner, layered), scheduled);
  const viewed: ServableRunner =
    views === undefined ? graph : new DeclaredSignatureRunner(graph, views, maxTensorBytes, thread);
  const runner = layers.requests.reduce((inner, layer) => layer(inner, layered), viewed);
  return { scheduler, runner };
}

/** The signatures of a stack: the graph's own, and those that are declared beside them. */
export interface StackSignatures {
  readonly signatures: Signatures;
  readonly views: DeclaredSignatures | undefined;
}

/** The layers below the scheduler. Two stacks share them while one takes the other's place; the last one closes them. */
export class StackBase {
  readonly host: Host;
  /** The runtime, if the configuration names one or asks for a choice. */
  readonly namedRuntime: string | undefined;
  readonly breaker: Breaker | undefined;
  readonly #layers: readonly BatchLayer[];
  readonly executor: Executor;
  readonly facts: Facts;
  /** Undefined unless the model runs in a process. */
  readonly quarantine: CrashQuarantine | undefined;
  readonly #onClose: () => void;
  #users = 0;

  /** `onClose` is called before the host closes. */
  constructor(options: LoadServableOptions, target: VersionTarget, opened: OpenedVersion, onClose: () => void) {
    const { host, choice } = opened;
    this.host = host;
    this.facts = target.facts;
    this.namedRuntime = choice?.runtime ?? target.model.backend;
    this.#layers = layersAround(options, target, opened);
    this.quarantine = quarantineOf(options, target, opened);
    this.breaker = breakerOf(options, target.model, target.version);
    const layered = this.#layers.at(-1)?.executor ?? host.executor;
    this.executor = this.breaker === undefined ? layered : new GuardedExecutor(layered, this.breaker);
    this.#onClose = onClose;
  }

  /** The version has been warmed up. */
  start(): void {
    for (const layer of this.#layers) layer.start();
  }

  /** Counts another stack that uses the version, until it calls `leave`. */
  share(): void {
    this.#users += 1;
  }

  async leave(): Promise<void> {
    this.#users -= 1;
    if (this.#users > 0) return;
    this.#onClose();
    await Promise.all([...this.#layers.map((layer) => layer.close()), this.quarantine?.close(), this.host.close()]);
  }
}

function misfitText(signature: string, reason: string): string {
  return (
    `signature "${signature}" is not batched any more: ${reason}; its requests are run as they come from now on; ` +
    'declare its batch axes, or "batching: off", in pillion.yaml'
  );
}

/** The layers around the host, the outermost last. */
function layersAround(
  options: LoadServableOptions,
  target: VersionTarget,
  { host, signatures, backend }: OpenedVersion,
): readonly BatchLayer[] {
  const made: BatchLayer[] = [];
  for (const make of options.layers?.batches ?? []) {
    const layer = make({
      ...target,
      ...{ executor: made.at(-1)?.executor ?? host.executor, signatures, runtime: backend.kind },
      startBackground: (...of) => startBackgroundHost(options, target, ...of),
    });
    if (layer !== undefined) made.push(layer);
  }
  return made;
}

/**
 * Undefined where a crash ends more than the model, or is not expected: on the event loop and in threads. A device may
 * have no memory for a second copy; the outputs of a widened runtime are the first one's alone.
 */
function quarantineOf(
  options: LoadServableOptions,
  target: VersionTarget,
  { host, signatures, backend }: OpenedVersion,
): CrashQuarantine | undefined {
  const { model, version, batching } = target;
  if (host.kind !== 'process' || host.executor.isOnDevice === true || signatures !== host.signatures) return undefined;
  return new CrashQuarantine({
    clock: options.clock,
    telemetry: options.telemetry,
    options: batching.scheduler,
    signatures,
    model: model.name,
    version: version.toString(),
    start: (signal) => startQuarantineHost(options, target, backend, signal),
  });
}

function breakerOf({ clock, events }: LoadServableOptions, model: ModelConfig, version: bigint): Breaker | undefined {
  const { name, breaker = DEFAULT_BREAKER } = model;
  if (breaker === 'off') return undefined;
  return new Breaker({
    ...breaker,
    clock,
    what: `model "${name}" version ${version}`,
    onChange: (state, reason) => events.onBreaker?.(name, version, state, reason),
  });
}

/** Submits requests to the scheduler, and closes everything that the version holds. */
class ScheduledRunner implements ServableRunner {
  readonly #inner: Scheduler;
  readonly #breaker: Breaker | undefined;
  readonly #quarantine: CrashQuarantine | undefined;
  readonly #kept: KeptLatency;
  readonly #base: StackBase;

  constructor(inner: Scheduler, kept: KeptLatency, base: StackBase) {
    this.#inner = inner;
    this.#breaker = base.breaker;
    this.#quarantine = base.quarantine;
    this.#kept = kept;
    this.#base = base;
  }

  get queuedRows(): number {
    return this.#inner.queuedRows + (this.#quarantine?.queuedRows ?? 0);
  }

  get queuedTasks(): number {
    return this.#inner.queuedTasks + (this.#quarantine?.queuedTasks ?? 0);
  }

  get runningBatches(): number {
    return this.#inner.runningBatches + (this.#quarantine?.runningBatches ?? 0);
  }

  get longestRun(): ServableRunner['longestRun'] {
    const [own, apart] = [this.#inner.longestRun, this.#quarantine?.longestRun];
    return own === undefined || (apart !== undefined && apart.since < own.since) ? apart : own;
  }

  latencyEstimates(): ReadonlyMap<string, readonly LatencyEstimate[]> {
    return this.#inner.latency.estimates();
  }

  submit(request: SchedulerRequest): Promise<TensorMap> {
    if (this.#quarantine?.takes(request) === true) return this.#quarantine.submit(request);
    this.#checkBreaker(request.context);
    return this.#inner.submit(request);
  }

  admit(request: PartedRequest): AdmittedWork | undefined {
    if (this.#quarantine?.takes(request) === true) return undefined;
    this.#checkBreaker(request.context);
    return this.#inner.admit(request);
  }

  refusalOf(signatureName: string, context: TaskContext): SharedError | undefined {
    return this.#breaker?.isRefusing === true ? undefined : this.#inner.refusalOf(signatureName, context);
  }

  #checkBreaker(context: TaskContext): void {
    const breaker = this.#breaker;
    if (breaker?.isRefusing !== true) return;
    context.note('breaker', breaker.refusalFacts());
    throw breaker.refusal();
  }

  async close(): Promise<void> {
    await this.#inner.close();
    await this.#kept.end();
    await this.#base.leave();
  }
}
