/**
 * Who rides in the batch that starts now: taken out of the queue, as many as fit. What was cancelled or has expired is
 * failed instead, and takes no place.
 */
import type { Instant } from '../../core/clock.ts';
import type { Lane } from '../queue/lane.ts';
import { expiredInQueue } from '../queue/queue-errors.ts';
import type { TaskQueue } from '../queue/task-queue.ts';
import type { Task } from '../task.ts';

/** From the head on; the first always fits. */
export function takeMembers(queue: TaskQueue, lane: Lane, rows: number, now: Instant): Task[] {
  const members: Task[] = [];
  let room = Math.min(rows, lane.maxBatchSize);
  for (let task = lane.head; task !== undefined; task = lane.head) {
    if (isGone(task, now)) continue;
    if (task.rows > room && members.length > 0) break;
    queue.remove(task);
    members.push(task);
    room -= task.rows;
  }
  return members;
}

/** From the newest on, where tasks stand in the order in which they came; else from the head on. */
export function takeNewestMembers(queue: TaskQueue, lane: Lane, rows: number, now: Instant): Task[] {
  const members: Task[] = [];
  let room = Math.min(rows, lane.maxBatchSize);
  for (let task = lane.newest; task !== undefined; task = lane.newest) {
    if (isGone(task, now)) continue;
    if (task.rows > room && members.length > 0) break;
    queue.remove(task);
    members.push(task);
    room -= task.rows;
  }
  return members.length > 0 ? members : takeMembers(queue, lane, rows, now);
}

/** Fails a task that nobody wants any more, which takes it out of its lane. */
function isGone({ owner }: Task, now: Instant): boolean {
  const { cancel, deadline } = owner.context;
  if (cancel.reason !== undefined) owner.fail(cancel.reason);
  else if (!(deadline > now)) owner.fail(expiredInQueue(owner.context));
  else return false;
  return true;
}
