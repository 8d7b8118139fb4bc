/** The plan of a hosted model, for its loader and for reports. */
export interface HostPlan {
  /** Why its runs have as many threads as they have. */
  readonly reason: string;
  /** Called when its runs have got another number of threads. One listener. */
  onThreads: (() => void) | undefined;
}
