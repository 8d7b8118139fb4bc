/** The runner of an ensemble: each request is a run of its steps. It has no queue; its members' versions have some. */
import type { Clock } from '../../core/clock.ts';
import type { TensorMap } from '../../core/tensor.ts';
import type { ServableRequest, ServableRunner } from '../../models/serving/servable.ts';
import type { EnsembleMembers } from './ensemble-members.ts';
import type { EnsemblePlan } from './ensemble-plan.ts';
import { EnsembleRun } from './ensemble-run.ts';
import { PathForecast } from './path-forecast.ts';

export class EnsembleRunner implements ServableRunner {
  readonly queuedRows = 0;
  readonly queuedTasks = 0;
  readonly #plan: EnsemblePlan;
  readonly #members: EnsembleMembers;
  readonly #clock: Clock;
  readonly #maxRuns: number;
  readonly #forecast: PathForecast;
  readonly #runs = new Set<Promise<TensorMap>>();

  /** @param maxRuns most runs of models for one request */
  constructor(plan: EnsemblePlan, members: EnsembleMembers, clock: Clock, maxRuns: number) {
    this.#plan = plan;
    this.#members = members;
    this.#clock = clock;
    this.#maxRuns = maxRuns;
    this.#forecast = new PathForecast(plan.steps, (step, now) => members.leastMs(step, now));
  }

  /** Requests whose steps run or wait. */
  get runningBatches(): number {
    return this.#runs.size;
  }

  submit(request: ServableRequest): Promise<TensorMap> {
    request.context.cancel.throwIfCancelled();
    const { steps } = this.#plan;
    const maxRuns = this.#maxRuns;
    const parts = { steps, members: this.#members, forecast: this.#forecast, clock: this.#clock, maxRuns };
    const answer = new EnsembleRun(request, parts).start();
    this.#runs.add(answer);
    const leave = (): boolean => this.#runs.delete(answer);
    answer.then(leave, leave);
    return answer;
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#runs);
  }
}
