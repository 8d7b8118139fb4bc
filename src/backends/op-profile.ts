/** Where a run's time goes inside a runtime, op by op, by the runtime's own profiler. */

/** One op of one run. */
export interface OpTime {
  /** The node's own name in the graph, as the runtime has it after its rewriting. */
  readonly node: string;
  /** Its kind: 'Conv', 'FusedGemm'. */
  readonly op: string;
  /** From the start of its run, in milliseconds. */
  readonly startMs: number;
  readonly durationMs: number;
}

/** One run as the runtime timed it, in milliseconds. */
export interface RunOps {
  readonly durationMs: number;
  /** In the order in which they started. */
  readonly ops: readonly OpTime[];
}

/** Counted runs of a replica: a session of its own that was loaded to be profiled. */
export interface OpProfile {
  readonly signatureName: string;
  readonly rows: number;
  /** `startMs` is machine time (host/worker-call.ts). */
  readonly runs: readonly (RunOps & { readonly startMs: number })[];
}
