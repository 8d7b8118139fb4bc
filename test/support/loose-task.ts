/** A task that belongs to no scheduler, for tests of what holds or copies tasks. */
import type { TensorMap } from '../../src/core/tensor.ts';
import { Task, type TaskOwner } from '../../src/scheduler/task.ts';
import { FakeClock } from './fake-clock.ts';
import { taskContext } from './scheduler-harness.ts';

export function looseTask(rows: number, enqueuedAt = 0, inputs: TensorMap = new Map()): Task {
  const owner: TaskOwner = {
    context: taskContext(new FakeClock()),
    isSettled: false,
    isCut: false,
    holding: undefined,
    enter: () => undefined,
    complete: () => undefined,
    runWhole: () => undefined,
    moveTo: () => undefined,
    fail: () => undefined,
  };
  return new Task({ owner, part: 0, rows, inputs, enqueuedAt });
}
