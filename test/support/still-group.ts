/**
 * A process group whose processes' own timers never fire: a test that moves time on for restarts alone does not make a
 * process look as if it had been silent for as long.
 */

import type { HostWorker, WorkerLoad } from '../../src/backends/host/host-worker.ts';
import { type GroupProcessOptions, ProcessGroup } from '../../src/backends/host/process/process-group.ts';
import { FakeClock } from './fake-clock.ts';

export class StillGroup extends ProcessGroup {
  readonly #clock = new FakeClock();

  override open(model: string, load: WorkerLoad, options: GroupProcessOptions): HostWorker {
    return super.open(model, load, { ...options, clock: this.#clock });
  }
}
