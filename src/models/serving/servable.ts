/**
 * A servable: one loaded (model, version) that can answer; and the handle by which one request borrows it.
 *
 * A handle keeps the version open: unloading takes it out of the directory at once (no new handles) and closes it when
 * the last handle is back. Hold one for a request and no longer: holding delays reloads.
 */
import type { OpProfile } from '../../backends/op-profile.ts';
import type { ServingError } from '../../core/errors.ts';
import type { Signature } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';
import type { LatencyEstimate } from '../../scheduler/latency/latency-curve.ts';
import type { SchedulerRequest } from '../../scheduler/task.ts';
import type { ModelMemory } from '../memory/model-memory.ts';
import type { RuntimeChoice } from '../runtimes/choose-runtime.ts';
import type { ShadowStatus } from '../shadow/version-shadow.ts';
import type { LatencySeed } from '../warm-up/batch-sweep.ts';
import type { Breaker } from './breaker.ts';
import { type ServedSignature, servedSignature } from './served-signature.ts';
import { NO_TAPS, type TapPoint } from './tap-point.ts';

export type { SchedulerRequest } from '../../scheduler/task.ts';

/** What a servable runs on: the scheduler in the server, a puppet in tests. */
export interface ServableRunner {
  /** Throws ServingError where the request is refused at once; rejects with one where it fails later. */
  submit(request: SchedulerRequest): Promise<TensorMap>;
  /**
   * Requests of one caller for several signatures, with the same inputs and context: their outputs, in their order. Those
   * that need the same run share it. Absent = nothing can be shared.
   */
  submitTogether?(requests: readonly SchedulerRequest[]): Promise<readonly TensorMap[]>;
  /** Resolves when all that was submitted has settled and the runtime's memory is free. */
  close(): Promise<void>;
  /** What batches are expected to take now, by the graph's signature. Absent = nothing is learned. */
  latencyEstimates?(): ReadonlyMap<string, readonly LatencyEstimate[]>;
  readonly queuedRows: number;
  readonly queuedTasks: number;
  readonly runningBatches: number;
  /** Copies of the model in memory. */
  readonly sessions: number;
}

/** Where a version runs. */
export interface ServableHost {
  /** As it was when it was loaded, and why so. */
  readonly kind: string;
  readonly reason: string;
  /** Workers that were replaced, whether they had died or grown too large. */
  readonly restarts?: number;
  /** Memory of its own processes, in bytes, as last heard; undefined = it has none. */
  readonly residentBytes?: number | undefined;
  /** That shares its process; undefined = it shares none. */
  readonly processGroup?: SharedProcesses | undefined;
}

/** Models that share processes, and those; of a group that is replaced there are two for a while. */
export interface SharedProcesses {
  readonly name: string;
  readonly processes: readonly {
    readonly pid: number | undefined;
    /** As last heard. */
    readonly residentBytes: number | undefined;
    /** A name for each session. */
    readonly models: readonly string[];
  }[];
}

/** Of all of them, each group once. */
export function sharedProcesses(servables: Iterable<Servable>): readonly SharedProcesses[] {
  const groups = new Set<SharedProcesses>();
  for (const { host } of servables) if (host?.processGroup !== undefined) groups.add(host.processGroup);
  return [...groups];
}

/** What runs a version. */
export interface ServableRuntime {
  /** As a configuration would name it. */
  readonly kind: string;
  /** Undefined where nothing was chosen by speed. */
  readonly choice: RuntimeChoice | undefined;
}

export class Servable {
  readonly name: string;
  readonly version: bigint;
  readonly signatures: ReadonlyMap<string, Signature>;
  /** By the signature's name. */
  readonly served: ReadonlyMap<string, ServedSignature>;
  readonly runner: ServableRunner;
  /** Where its requests are copied; set before it is served. */
  tapPoint: TapPoint = NO_TAPS;
  /** What runs of made-up batches took before it was served; empty where none were made. */
  latencySeeds: readonly LatencySeed[] = [];
  /** Where its runs happened when it was loaded, and why there; undefined until its loader has said. */
  host: ServableHost | undefined;
  /** Undefined until its loader has said. */
  runtime: ServableRuntime | undefined;
  /** What runs copies of some of its batches; undefined where nothing does. */
  shadow: { readonly status: ShadowStatus } | undefined;
  /** Around its batches; undefined where it is off, or its loader has none. */
  breaker: Pick<Breaker, 'state' | 'reason'> | undefined;
  /**
   * Loads it once more to see where a run of so many rows spends its time, op by op; undefined until its loader has said.
   * Rejects as profile-replica.ts.
   */
  profileOps: ((rows: number, signatureName: string | undefined) => Promise<OpProfile>) | undefined;
  /** What loading it took; undefined until its loader has looked. */
  memory: ModelMemory | undefined;
  #handles = 0;
  #unloading: (() => void) | undefined;

  constructor(name: string, version: bigint, signatures: ReadonlyMap<string, Signature>, runner: ServableRunner) {
    this.name = name;
    this.version = version;
    this.signatures = signatures;
    this.served = new Map([...signatures].map((entry) => [entry[0], servedSignature(name, version, ...entry)]));
    this.runner = runner;
  }

  /** One request's borrow. Release it exactly once; a second release does nothing. */
  borrow(): ServableHandle {
    this.#handles += 1;
    return new ServableHandle(this);
  }

  /** Waits for the handles, then closes. Call once, after no new borrow can happen. */
  async unload(): Promise<void> {
    if (this.#handles > 0) {
      await new Promise<void>((resolve) => {
        this.#unloading = resolve;
      });
    }
    await this.runner.close();
  }

  /** For its handles alone, each once. */
  giveBack(): void {
    this.#handles -= 1;
    if (this.#handles === 0) this.#unloading?.();
  }
}

export class ServableHandle {
  readonly servable: Servable;
  #isReleased = false;

  constructor(servable: Servable) {
    this.servable = servable;
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    this.servable.giveBack();
  }
}

/** Life of a version; states only move forward. Names and numbers are TensorFlow Serving's. */
export const VERSION_STATES = { UNKNOWN: 0, START: 10, LOADING: 20, AVAILABLE: 30, UNLOADING: 40, END: 50 } as const;
export type VersionState = keyof typeof VERSION_STATES;

/** A load on its way. */
export interface VersionLoad {
  readonly state: VersionState;
  /** Why the last attempt failed; it will be tried again. */
  readonly lastFailure: ServingError | undefined;
}

export interface VersionStatus {
  readonly version: bigint;
  readonly state: VersionState;
  /** Why the version failed to load. Only with END. */
  readonly error: ServingError | undefined;
}
