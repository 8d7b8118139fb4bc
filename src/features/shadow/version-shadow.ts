/**
 * The shadow of one version: another artifact of the same directory in a host of its own, at the lowest priority.
 *
 *   version is served ──▶ loading ──▶ running ──▶ closed, with its version
 *                            └──▶ off, with the reason: it does not load, or its inputs differ from the model's
 *
 * The shadow does not affect the version: it loads after the version is ready, its worker is replaced alone, and the
 * version is served without a shadow if that cannot be loaded.
 */
import type { Backends } from '../../backends/backends.ts';
import type { Host, HostOptions } from '../../backends/host/start-host.ts';
import type { WorkerEvent } from '../../backends/host/worker-host-options.ts';
import { AUTO_RUNTIME } from '../../config/model-config.ts';
import type { Clock } from '../../core/clock.ts';
import { ServingError, toServingError } from '../../core/errors.ts';
import type { Executor } from '../../core/executor.ts';
import type { Signature, Signatures } from '../../core/signature.ts';
import type { BatchLayer } from '../../models/loading/layers.ts';
import { pairedAs } from '../../models/runtimes/paired-names.ts';
import { tensorsMismatch } from '../../models/runtimes/tensors-mismatch.ts';
import type { ShadowConfig } from './keys.ts';
import { Shadow, type ShadowComparison, ShadowedExecutor, type ShadowOptions } from './shadow.ts';
import type { ShadowSeries } from './shadow-metrics.ts';
import { isDifferent, type OutputTally, ShadowTally } from './shadow-tally.ts';

/** An event of a shadow, for the log. */
export type ShadowEvent =
  | { readonly what: 'running'; readonly runtime: string; readonly reason: string }
  | { readonly what: 'off'; readonly runtime: string; readonly reason: string }
  | { readonly what: 'different'; readonly runtime: string; readonly comparison: ShadowComparison }
  | { readonly what: 'failed'; readonly runtime: string; readonly reason: string }
  | { readonly what: 'worker'; readonly runtime: string; readonly event: WorkerEvent };

export interface VersionShadowOptions {
  readonly config: ShadowConfig;
  readonly versionDirectory: string;
  /** The version's own runtime. */
  readonly runtime: string;
  readonly executor: Executor;
  /** The signatures that are served. */
  readonly signatures: Signatures;
  readonly backends: Pick<Backends, 'artifactKinds' | 'namedArtifact'>;
  /** Starts a host of one runtime. If it rejects, the shadow is off, with the error as the reason. */
  readonly startHost: (runtime: string, onWorkerEvent: NonNullable<HostOptions['onWorkerEvent']>) => Promise<Host>;
  readonly clock: Clock;
  readonly random?: ShadowOptions['random'];
  /** The shadow's metrics, by its runtime. */
  readonly seriesOf: (runtime: string) => ShadowSeries;
  readonly onEvent: (event: ShadowEvent) => void;
}

export interface ShadowStatus {
  /** The configured runtime (perhaps `auto`) until one is chosen. */
  readonly runtime: string;
  readonly sample: number;
  readonly state: 'loading' | 'running' | 'off';
  /** The host and the reason for it, or why it is off. */
  readonly reason: string;
  readonly restarts: number;
  /** The memory of its own process, in bytes, as last reported; undefined = it has none. */
  readonly residentBytes: number | undefined;
  /** The number of batches since it loaded, as are the next ones. */
  readonly compared: number;
  readonly different: number;
  readonly leftOut: ShadowTally['leftOut'];
  /** The shadow's run time ÷ the model's, geometric mean. */
  readonly latencyRatio: number | undefined;
  readonly outputs: readonly OutputTally[];
}

/** The longest time that the version's close() waits for its shadow. */
const CLOSE_TIMEOUT_MS = 5000;

export class VersionShadow implements BatchLayer {
  /** Replaces the model's executor. */
  readonly executor: ShadowedExecutor;
  readonly #options: VersionShadowOptions;
  readonly #tally = new ShadowTally();
  #runtime: string;
  #state: ShadowStatus['state'] = 'loading';
  #reason = 'it loads';
  #restarts = 0;
  #host: Host | undefined;
  #loading: Promise<void> | undefined;
  #closed: Promise<void> | undefined;

  constructor(options: VersionShadowOptions) {
    this.#options = options;
    this.#runtime = options.config.runtime;
    this.executor = new ShadowedExecutor(options.executor);
  }

  get status(): ShadowStatus {
    const { compared, different, leftOut, latencyRatio, outputs } = this.#tally;
    const [runtime, state, reason, restarts] = [this.#runtime, this.#state, this.#reason, this.#restarts];
    const { sample } = this.#options.config;
    const residentBytes = this.#host?.residentBytes?.();
    const found = { compared, different, leftOut, latencyRatio, outputs };
    return { runtime, sample, state, reason, restarts, residentBytes, ...found };
  }

  /** Begins to load the shadow. Call once. */
  start(): void {
    this.#loading = this.#load().catch((thrown: unknown) => this.#switchOff(toServingError(thrown).message));
  }

  /**
   * Resolves when the shadow's host is closed, or after CLOSE_TIMEOUT_MS; a load or a run that takes longer is closed
   * when it has ended. A second call does nothing more. Never rejects.
   */
  close(): Promise<void> {
    this.#closed ??= this.#closeInTime();
    return this.#closed;
  }

  async #load(): Promise<void> {
    const { config, startHost, seriesOf, clock, random, onEvent } = this.#options;
    const runtime = await this.#chooseRuntime();
    this.#runtime = runtime;
    const host = await startHost(runtime, (event) => this.#onWorkerEvent(event));
    this.#host = host;
    if (this.#closed !== undefined) return;
    const { executor, signatures } = pairedAs(this.#options.signatures, host);
    const outputs = this.#comparable(signatures);
    const series = seriesOf(runtime);
    this.executor.shadow = new Shadow({
      executor,
      outputs,
      sample: config.sample,
      clock,
      random,
      onCompared: (comparison) => this.#onCompared(comparison, series),
      onLeftOut: (why, reason) => {
        this.#tally.leftOut[why] += 1;
        series.addLeftOut(why);
        if (why === 'failed') onEvent({ what: 'failed', runtime, reason });
      },
    });
    this.#state = 'running';
    this.#reason = `${host.kind}: ${host.reason}`;
    onEvent({ what: 'running', runtime, reason: this.#reason });
  }

  #closeInTime(): Promise<void> {
    const { clock } = this.#options;
    return new Promise((resolve) => {
      const timer = clock.setTimer(clock.nowMs() + CLOSE_TIMEOUT_MS, resolve);
      void this.#close().then(() => {
        timer.cancel();
        resolve();
      });
    });
  }

  async #close(): Promise<void> {
    await this.#loading;
    const { shadow } = this.executor;
    this.executor.shadow = undefined;
    await shadow?.close();
    await this.#host?.close();
  }

  async #chooseRuntime(): Promise<string> {
    const { backends, config, versionDirectory, runtime: own } = this.#options;
    const found = await backends.artifactKinds(versionDirectory);
    const mine = backends.namedArtifact(own, found);
    if (config.runtime !== AUTO_RUNTIME) {
      const named = backends.namedArtifact(config.runtime, found);
      if (named !== mine) return named;
      throw new ServingError('load_failed', `the version itself runs on ${mine}; name another runtime for the shadow`);
    }
    const other = found.find((kind) => kind !== mine);
    if (other !== undefined) return other;
    throw new ServingError('load_failed', `the version holds no artifact but the one of ${mine}, which it runs on`);
  }

  /** The common outputs of each signature with the same inputs. Throws `load_failed` if there is no such signature. */
  #comparable(found: Signatures): ReadonlyMap<string, ReadonlySet<string>> {
    const comparable = new Map<string, ReadonlySet<string>>();
    const problems: string[] = [];
    for (const [name, wanted] of this.#options.signatures) {
      const other = found.get(name);
      const problem =
        other === undefined ? 'it has no such signature' : tensorsMismatch('input', wanted.inputs, other.inputs);
      if (problem === undefined) comparable.set(name, commonOutputs(wanted, other!));
      else problems.push(`signature "${name}": ${problem}`);
    }
    if (comparable.size > 0) return comparable;
    throw new ServingError('load_failed', `it does not take what the model takes: ${problems.join('; ')}`);
  }

  #onCompared(comparison: ShadowComparison, series: ShadowSeries): void {
    this.#tally.add(comparison);
    const differs = isDifferent(comparison.differences);
    series.addComparison({ ...comparison, isDifferent: differs });
    if (differs) this.#options.onEvent({ what: 'different', runtime: this.#runtime, comparison });
  }

  #onWorkerEvent(event: WorkerEvent): void {
    if (event.what === 'restarted' || event.what === 'recycled') this.#restarts += 1;
    this.#options.onEvent({ what: 'worker', runtime: this.#runtime, event });
  }

  async #switchOff(reason: string): Promise<void> {
    this.#state = 'off';
    this.#reason = reason;
    if (this.#closed === undefined) this.#options.onEvent({ what: 'off', runtime: this.#runtime, reason });
    await this.#host?.close();
    this.#host = undefined;
  }
}

function commonOutputs(wanted: Signature, found: Signature): ReadonlySet<string> {
  return new Set([...wanted.outputs.keys()].filter((name) => found.outputs.has(name)));
}
