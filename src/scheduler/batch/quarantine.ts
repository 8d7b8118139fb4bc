/** Where requests run that may end the process of their run, apart from all others (models/serving/crash-quarantine.ts). */
import type { TensorMap } from '../../core/tensor.ts';
import type { SchedulerRequest } from '../task.ts';

export interface Quarantine {
  /** The run of this caller's request alone has ended its process. */
  onCrash(caller: string): void;
  /** As Scheduler.submit. The caller's batch has ended its process, and nobody knows which of its requests did. */
  submit(request: SchedulerRequest): Promise<TensorMap>;
}
