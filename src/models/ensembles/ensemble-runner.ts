/** The runner of an ensemble: each request is a run of its steps. It has no queue; those of its members' versions count. */
import type { Clock } from '../../core/clock.ts';
import type { TensorMap } from '../../core/tensor.ts';
import type { ServableRequest, ServableRunner } from '../serving/servable.ts';
import type { EnsembleMembers } from './ensemble-members.ts';
import type { EnsemblePlan } from './ensemble-plan.ts';
import { EnsembleRun } from './ensemble-run.ts';

export class EnsembleRunner implements ServableRunner {
  readonly queuedRows = 0;
  readonly queuedTasks = 0;
  readonly #plan: EnsemblePlan;
  readonly #members: EnsembleMembers;
  readonly #clock: Clock;
  readonly #runs = new Set<Promise<TensorMap>>();

  constructor(plan: EnsemblePlan, members: EnsembleMembers, clock: Clock) {
    this.#plan = plan;
    this.#members = members;
    this.#clock = clock;
  }

  /** Requests whose steps run or wait. */
  get runningBatches(): number {
    return this.#runs.size;
  }

  submit(request: ServableRequest): Promise<TensorMap> {
    request.context.cancel.throwIfCancelled();
    const { steps } = this.#plan;
    const answer = new EnsembleRun(request, { steps, members: this.#members, clock: this.#clock }).start();
    this.#runs.add(answer);
    const leave = (): boolean => this.#runs.delete(answer);
    answer.then(leave, leave);
    return answer;
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.#runs);
  }
}
