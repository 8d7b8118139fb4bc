/**
 * A servable is one loaded (model, version) that can answer; a request borrows it by a handle.
 *
 * A handle keeps the version open: an unload stops new handles at once and closes the version when the last handle is
 * released. Hold a handle only as long as a request takes: it delays reloads.
 */

import type { Facts } from '../../core/collections/facts.ts';
import type { ServingError, SharedError } from '../../core/errors.ts';
import type { SequenceStep } from '../../core/model-spec.ts';
import { notesOn, type Signature } from '../../core/signature.ts';
import type { TensorMap } from '../../core/tensor.ts';
import type { CacheUse, EventAttributes, StepRecord } from '../../ledger/request-record.ts';
import type { AdmittedWork } from '../../scheduler/admission/promised-work.ts';
import type { LatencyEstimate } from '../../scheduler/latency/latency-curve.ts';
import type { RunSoFar } from '../../scheduler/scheduler.ts';
import type { PartedRequest, SchedulerRequest, TaskContext } from '../../scheduler/task.ts';
import { LoadFindings, type SharedProcesses } from './load-findings.ts';
import type { ServedSignature } from './served-signature.ts';

export type { SchedulerRequest } from '../../scheduler/task.ts';

/** A request's place in a sequence. Made when the request is resolved, used once, by the layer that completes it. */
export interface PlaceInSequence {
  readonly step: SequenceStep;
}

/** The part of a request's context that the layers above the scheduler write. */
export interface RunContext extends TaskContext {
  /** Set where the model has a response cache: how it has served the request. */
  cache?: CacheUse | undefined;
  /** How long its answer was looked for in the cache, in ms. Set together with `cache`. */
  cacheMs?: number | undefined;
  /** Set where the model is an ensemble: its steps. */
  steps?: readonly StepRecord[] | undefined;
  /** Attributes of the request's span that a layer of the model's brings: names of OpenTelemetry's, short values. */
  attributes?: EventAttributes | undefined;
}

/** A request for a version: what the scheduler gets, and what the layers above it read. */
export interface ServableRequest extends SchedulerRequest {
  readonly context: RunContext;
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
   * Admits requests that will be submitted some at a time as one, as Scheduler.admit; undefined = each is admitted by
   * itself. Throws ServingError. Absent = the same for all.
   */
  admit?(request: PartedRequest): AdmittedWork | undefined;
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
  /** The run that has gone on for longest. Absent or undefined = none goes on. */
  readonly longestRun?: RunSoFar | undefined;
}

/** The process groups of all servables, each once. */
export function sharedProcesses(servables: Iterable<Servable>): readonly SharedProcesses[] {
  const groups = new Set<SharedProcesses>();
  for (const { findings } of servables) {
    const group = findings.host?.processGroup;
    if (group !== undefined) groups.add(group);
  }
  return [...groups];
}

export class Servable {
  readonly name: string;
  readonly version: bigint;
  readonly signatures: ReadonlyMap<string, Signature>;
  /** The same signatures with their constant values, by name. */
  readonly served: ReadonlyMap<string, ServedSignature>;
  readonly runner: ServableRunner;
  /** All servables of the version share it. */
  readonly findings: LoadFindings;
  /** Called once, when requests can get it. */
  onServed: (() => void) | undefined;
  /** How tensors are served otherwise than the model's file has them, one line each. */
  readonly notes: readonly string[];
  #handles = 0;
  #unloading: (() => void) | undefined;

  constructor(
    name: string,
    version: bigint,
    signatures: ReadonlyMap<string, Signature>,
    runner: ServableRunner,
    findings = new LoadFindings(),
  ) {
    this.name = name;
    this.version = version;
    this.signatures = signatures;
    this.notes = notesOn(signatures.values());
    const versionText = version.toString();
    const served = new Map<string, ServedSignature>();
    for (const [signatureName, signature] of signatures) {
      const { onDemand, outputs } = signature;
      const outputNames = [...outputs.keys()].filter((each) => onDemand?.has(each) !== true);
      const kept = signature.kept && new Set(signature.kept.nextOf.values());
      const stepOutputNames = kept && outputNames.filter((each) => !kept.has(each));
      const names = { name, version, versionText, signatureName };
      served.set(signatureName, { ...names, signature, outputNames, stepOutputNames });
    }
    this.served = served;
    this.runner = runner;
    this.findings = findings;
  }

  /** Facts that features know of the version. */
  get facts(): Facts {
    return this.findings.facts;
  }

  /** Copies of the model in memory: all its open sessions, whatever their threads; 1 if it runs inline. */
  get sessions(): number {
    return this.findings.host?.sessions?.reduce((sum, plan) => sum + plan.sessions, 0) ?? 1;
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
