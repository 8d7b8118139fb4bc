/** A task that belongs to no scheduler, for tests of what holds or copies tasks. */
import type { TensorMap } from '../../src/core/tensor.ts';
import { NO_FORECAST, Task, type TaskOwner, type TaskTimes } from '../../src/scheduler/task.ts';
import { FakeClock } from './fake-clock.ts';
import { taskContext } from './scheduler-harness.ts';

/** `times`: what is not said is due when it comes, and has no forecast. */
export function looseTask(
  rows: number,
  enqueuedAt = 0,
  inputs: TensorMap = new Map(),
  times: Partial<TaskTimes> = {},
): Task {
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
  const { due = enqueuedAt } = times;
  const usual = { order: due, isFirst: false, isSoft: false, ...NO_FORECAST };
  return new Task(owner, 0, rows, inputs, { ...usual, ...times, enqueuedAt, due });
}
