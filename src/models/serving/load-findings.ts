/** The findings of a version's load, and what operators should know of it. */
import type { SandboxState } from '../../backends/host/process/sandbox.ts';
import type { OpProfile } from '../../backends/op-profile.ts';
import { Facts, factKey } from '../../core/collections/facts.ts';
import type { SessionPlan } from '../../core/executor.ts';
import type { ModelMemory } from '../memory/model-memory.ts';
import type { RuntimeChoice } from '../runtimes/runtime-choice.ts';
import type { LatencySeed } from '../warm-up/batch-sweep.ts';
import type { Breaker } from './breaker.ts';
import { NO_SAMPLER, type SamplePoint } from './sample-point.ts';

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

/** The runtime of a version. */
export interface ServableRuntime {
  /** Its name in the configuration. */
  readonly kind: string;
  /** Undefined if it was not chosen by speed. */
  readonly choice: RuntimeChoice | undefined;
}

/** Profiles a run of so many rows, op by op, in a second copy of the model. Rejects as profile-replica.ts. */
type ProfileOps = (rows: number, signatureName: string | undefined) => Promise<OpProfile>;

/** The fact of a version whose runs can be profiled so. */
export const PROFILE_OPS = factKey<ProfileOps>('profile-ops');

/** All servables of one version have the same. The loader sets its fields before the version is served. */
export class LoadFindings {
  /** Facts that features know of the version. */
  readonly facts: Facts;
  /** Copies requests for logs and recordings. */
  samplePoint: SamplePoint = NO_SAMPLER;
  /** Run times of the load-time sweep; empty without a sweep. */
  latencySeeds: readonly LatencySeed[] = [];
  host: ServableHost | undefined;
  runtime: ServableRuntime | undefined;
  /** The most rows of a run that requests share: as configured, or more where the sweep has shown them to be worth it. */
  maxBatchSize = 0;
  /** The same as configured, which clients are told. */
  configuredRows = 0;
  /** Undefined if the breaker is off. */
  breaker: Pick<Breaker, 'state' | 'reason'> | undefined;
  /** The memory that the load took. */
  memory: ModelMemory | undefined;
  /** The parts of the model that are not served: "output x is a sequence: it is not served". Part of `warnings`. */
  leftOut: readonly string[] = [];
  readonly #warnings: string[] = [];

  constructor(facts = new Facts()) {
    this.facts = facts;
  }

  /** Findings that an operator should know of while it is served, one line each: "finding; what helps". */
  get warnings(): readonly string[] {
    return this.#warnings;
  }

  /** Does nothing for a text that is there already. */
  addWarning(text: string): void {
    if (!this.#warnings.includes(text)) this.#warnings.push(text);
  }
}
