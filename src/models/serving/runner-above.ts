import type { TensorMap } from '../../core/tensor.ts';
import type { LatencyEstimate } from '../../scheduler/latency/latency-curve.ts';
import type { ServableRequest, ServableRunner } from './servable.ts';

/** A runner above another one, which has the queue and learns the run times. */
export abstract class RunnerAbove implements ServableRunner {
  protected readonly inner: ServableRunner;

  constructor(inner: ServableRunner) {
    this.inner = inner;
  }

  get queuedRows(): number {
    return this.inner.queuedRows;
  }

  get queuedTasks(): number {
    return this.inner.queuedTasks;
  }

  get runningBatches(): number {
    return this.inner.runningBatches;
  }

  get longestRun(): ServableRunner['longestRun'] {
    return this.inner.longestRun;
  }

  get maySpareRuns(): boolean {
    return this.inner.maySpareRuns === true;
  }

  latencyEstimates(): ReadonlyMap<string, readonly LatencyEstimate[]> {
    return this.inner.latencyEstimates?.() ?? new Map();
  }

  abstract submit(request: ServableRequest): Promise<TensorMap>;

  abstract close(): Promise<void>;
}
