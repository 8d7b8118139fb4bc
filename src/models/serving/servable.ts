/**
 * A servable is one loaded (model, version) that can answer; a request borrows it by a handle.
 *
 * A handle keeps the version open: an unload stops new handles at once and closes the version when the last handle is
 * released. Hold a handle only as long as a request takes: it delays reloads.
 */

import type { SandboxState } from '../../backends/host/sandbox/sandbox-state.ts';
import type { OpProfile } from '../../backends/op-profile.ts';
import { Facts } from '../../core/collections/facts.ts';
import type { ServingError, SharedError } from '../../core/errors.ts';
import type { SessionPlan } from '../../core/executor.ts';
import type { SequenceStep } from '../../core/model-spec.ts';
import { notesOn, type Signature } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';
import type { LatencyEstimate } from '../../scheduler/latency/latency-curve.ts';
import type { SchedulerRequest, TaskContext } from '../../scheduler/task.ts';
import type { PaddingState } from '../batching/version-padding.ts';
import type { ModelMemory } from '../memory/model-memory.ts';
import type { InputHint, Sample } from '../model-file/try-out-schema.ts';
import type { RuntimeChoice } from '../runtimes/runtime-choice.ts';
import type { ServedTriton } from '../triton/triton-facts.ts';
import type { LatencySeed } from '../warm-up/batch-sweep.ts';
import type { Breaker } from './breaker.ts';
import { NO_SAMPLER, type SamplePoint } from './sample-point.ts';
import type { ServedSignature } from './served-signature.ts';

export type { SchedulerRequest } from '../../scheduler/task.ts';

/** A request's place in a sequence. Made when the request is resolved, used once, by the layer that completes it. */
export interface PlaceInSequence {
  readonly step: SequenceStep;
}

/** A request for a version: what the scheduler gets, and what the layers above it read. */
export interface ServableRequest extends SchedulerRequest {
  /** The step of a sequence that it is; its inputs lack the state that the server keeps. Absent = none. */
  readonly sequence?: PlaceInSequence | undefined;
}

/** Runs a servable's requests: the scheduler and the layers above it, or a puppet in tests. */
export interface ServableRunner {
  /** Throws ServingError if the request is refused at once; rejects with one if it fails later. */
  submit(request: ServableRequest): Promise<TensorMap>;
  /** Refuses at once where that is known already, as Scheduler.refusalOf. Absent = every request is submitted. */
  refusalOf?(signatureName: string, context: TaskContext): SharedError | undefined;
  /**
   * Submits one caller's requests for several signatures, with the same inputs and context. Resolves with their outputs
   * in the same order. Requests that need the same run share it. Absent = runs cannot be shared.
   */
  submitTogether?(requests: readonly SchedulerRequest[]): Promise<readonly TensorMap[]>;
  /** Resolves when all submitted requests have settled and the runtime's memory is free. */
  close(): Promise<void>;
  /** Some requests are answered without a run. Absent = none are. */
  readonly maySpareRuns?: boolean;
  /** The expected run times of batches with the fewest threads, by the graph's signature. Absent = not known. */
  latencyEstimates?(): ReadonlyMap<string, readonly LatencyEstimate[]>;
  readonly queuedRows: number;
  readonly queuedTasks: number;
  readonly runningBatches: number;
}

/** The host that a version runs in. */
export interface ServableHost {
  /** The host at load time, and the reason for it. */
  readonly kind: string;
  readonly reason: string;
  /** Its open sessions by the threads of their runs; undefined = it runs inline. */
  readonly sessions?: readonly SessionPlan[] | undefined;
  /** The most calls in flight to the server that runs it; undefined = it runs here. */
  readonly callsAtOnce?: number | undefined;
  /** The number of workers that were replaced because they died or grew too large. */
  readonly restarts?: number;
  /** The memory of its own processes, in bytes, as last reported; undefined = it has none. */
  readonly residentBytes?: number | undefined;
  /** The sandbox of its processes; undefined = it runs in the server's process. */
  readonly sandbox?: SandboxState | undefined;
  /** Why no further session was opened although batches waited, such as memory; undefined = none was refused. */
  readonly growthRefusal?: string | undefined;
  /** The group whose process it shares; undefined = none. */
  readonly processGroup?: SharedProcesses | undefined;
}

/** A group of models that share a process; while the process is being replaced there are two. */
export interface SharedProcesses {
  readonly name: string;
  readonly processes: readonly {
    readonly pid: number | undefined;
    /** Bytes of resident memory, as last reported. */
    readonly residentBytes: number | undefined;
    /** A name for each session. */
    readonly models: readonly string[];
  }[];
}

/** The process groups of all servables, each once. */
export function sharedProcesses(servables: Iterable<Servable>): readonly SharedProcesses[] {
  const groups = new Set<SharedProcesses>();
  for (const { host } of servables) if (host?.processGroup !== undefined) groups.add(host.processGroup);
  return [...groups];
}

/** The runtime of a version. */
export interface ServableRuntime {
  /** Its name in the configuration. */
  readonly kind: string;
  /** Undefined if it was not chosen by speed. */
  readonly choice: RuntimeChoice | undefined;
}

/** The part of the model's pillion.yaml for people who try it; requests do not read it. */
export interface TryOut {
  /** Hints by the graph's input. */
  readonly inputs: ReadonlyMap<string, InputHint>;
  readonly samples: readonly Sample[];
  /** Names that signatures give inputs → the graph's input, by signature; only of signatures that rename some. */
  readonly graphInputs: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

export class Servable {
  readonly name: string;
  readonly version: bigint;
  readonly signatures: ReadonlyMap<string, Signature>;
  /** The same signatures with their constant values, by name. */
  readonly served: ReadonlyMap<string, ServedSignature>;
  readonly runner: ServableRunner;
  /** Facts that features know of the version. */
  readonly facts: Facts;
  /** Copies requests for logs and recordings; set before the first request. */
  samplePoint: SamplePoint = NO_SAMPLER;
  /** Run times of the load-time sweep; empty without a sweep. */
  latencySeeds: readonly LatencySeed[] = [];
  /** The loader sets this field and the next ones; undefined before. */
  host: ServableHost | undefined;
  runtime: ServableRuntime | undefined;
  /** The most rows of a run that requests share: as configured, or more where the sweep has shown them to be worth it. */
  maxBatchSize = 0;
  /** Runs of models that a request takes: 1, or the sum over the steps of an ensemble, as its members were at its load. */
  modelRuns = 1;
  /** The same as configured, which clients are told. */
  configuredRows = 0;
  /** Undefined if the breaker is off. */
  breaker: Pick<Breaker, 'state' | 'reason'> | undefined;
  /** The reason why a declared batch axis is wrong, by signature of the graph. May grow. */
  batchDisproofs: ReadonlyMap<string, string> = new Map();
  /** The paddings by signature of the graph; empty where requests of different lengths do not share runs. May grow. */
  paddings: ReadonlyMap<string, PaddingState> = new Map();
  /** Called once, when requests can get it. */
  onServed: (() => void) | undefined;
  /** Profiles a run of so many rows, op by op, in a second copy of the model. Rejects as profile-replica.ts. */
  profileOps: ((rows: number, signatureName: string | undefined) => Promise<OpProfile>) | undefined;
  /** Undefined if pillion.yaml says nothing of it. */
  tryOut: TryOut | undefined;
  /** Undefined if it is no model of a Triton model repository. */
  triton: ServedTriton | undefined;
  /** The memory that the load took. */
  memory: ModelMemory | undefined;
  /** The parts of the model that are not served: "output x is a sequence: it is not served". Part of `warnings`. */
  leftOut: readonly string[] = [];
  /** How tensors are served otherwise than the model's file has them, one line each. */
  readonly notes: readonly string[];
  /** Findings that an operator should know of while it is served, one line each: "finding; what helps". */
  readonly warnings: readonly string[] = [];
  #handles = 0;
  #unloading: (() => void) | undefined;

  /** `facts`: those of the version, if there have been other servables of it. */
  constructor(
    name: string,
    version: bigint,
    signatures: ReadonlyMap<string, Signature>,
    runner: ServableRunner,
    facts = new Facts(),
  ) {
    this.name = name;
    this.version = version;
    this.signatures = signatures;
    this.notes = notesOn(signatures.values());
    const versionText = version.toString();
    const served = new Map<string, ServedSignature>();
    for (const [signatureName, signature] of signatures) {
      const outputNames = [...signature.outputs.keys()];
      const kept = signature.kept && new Set(signature.kept.nextOf.values());
      const stepOutputNames = kept && outputNames.filter((each) => !kept.has(each));
      const names = { name, version, versionText, signatureName };
      served.set(signatureName, { ...names, signature, outputNames, stepOutputNames });
    }
    this.served = served;
    this.runner = runner;
    this.facts = facts;
  }

  /** True if it has no runtime of its own: its runs are those of its members. */
  get isEnsemble(): boolean {
    return this.runtime?.kind === 'ensemble';
  }

  /** Copies of the model in memory: all its open sessions, whatever their threads; 1 if it runs inline. */
  get sessions(): number {
    return this.host?.sessions?.reduce((sum, plan) => sum + plan.sessions, 0) ?? 1;
  }

  /** Adds to `warnings`; does nothing for a text that is there already. */
  addWarning(text: string): void {
    if (!this.warnings.includes(text)) (this.warnings as string[]).push(text);
  }

  /** Takes what the loader has set on another servable of the same version. */
  takeOver(other: Servable): void {
    const { samplePoint, latencySeeds, maxBatchSize, configuredRows, modelRuns, host, runtime, breaker } = other;
    const { batchDisproofs, paddings, profileOps, tryOut, triton, memory, leftOut } = other;
    Object.assign(this, {
      samplePoint,
      latencySeeds,
      maxBatchSize,
      configuredRows,
      modelRuns,
      host,
      runtime,
      breaker,
    });
    Object.assign(this, { batchDisproofs, paddings, profileOps, tryOut, triton, memory, leftOut });
    for (const warning of other.warnings) this.addWarning(warning);
  }

  /** Lends the servable to one request. Release the handle once; a second release does nothing. */
  borrow(): ServableHandle {
    this.#handles += 1;
    return new ServableHandle(this);
  }

  /** Waits for the handles, then closes. Call once, when borrow() can no longer be called. */
  async unload(): Promise<void> {
    if (this.#handles > 0) {
      await new Promise<void>((resolve) => {
        this.#unloading = resolve;
      });
    }
    await this.runner.close();
  }

  /** Called by each handle once. */
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

/** The states of a version, in their order. Names and numbers are TensorFlow Serving's. */
export const VERSION_STATES = { UNKNOWN: 0, START: 10, LOADING: 20, AVAILABLE: 30, UNLOADING: 40, END: 50 } as const;
export type VersionState = keyof typeof VERSION_STATES;

/** A load in progress. */
export interface VersionLoad {
  readonly state: VersionState;
  /** Why the last attempt failed, if another follows. */
  readonly lastFailure: ServingError | undefined;
}

export interface VersionStatus {
  readonly version: bigint;
  readonly state: VersionState;
  /** Why the version failed to load; only in state END. */
  readonly error: ServingError | undefined;
  /** The parts of the model that are not served; absent = all are. */
  readonly leftOut?: readonly string[] | undefined;
}
