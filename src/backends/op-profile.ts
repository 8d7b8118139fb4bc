/** The results of a runtime's own profiler. */

/** One op of one run. */
export interface OpTime {
  /** The node's name in the graph that the runtime has optimized. */
  readonly node: string;
  /** The op type: 'Conv', 'FusedGemm'. */
  readonly op: string;
  /** Milliseconds from the start of its run. */
  readonly startMs: number;
  readonly durationMs: number;
}

/** One run, in milliseconds. */
export interface RunOps {
  readonly durationMs: number;
  /** The ops in the order of their start. */
  readonly ops: readonly OpTime[];
}

/** The counted runs of a replica, a session that was loaded to be profiled. */
export interface OpProfile {
  readonly signatureName: string;
  readonly rows: number;
  /** `startMs` is machine time (host/worker-call.ts). */
  readonly runs: readonly (RunOps & { readonly startMs: number })[];
}
