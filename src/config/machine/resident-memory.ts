/** The memory of this process that is in RAM, in bytes; undefined where the system does not say (Linux without /proc). */
import process from 'node:process';
import { getHeapStatistics } from 'node:v8';

export function residentBytes(): number | undefined {
  try {
    return process.memoryUsage.rss();
  } catch {
    return undefined;
  }
}

/** The same without this thread's JavaScript heap, which grows with what surrounds a model's runs. */
export function residentOutsideHeap(): number | undefined {
  const bytes = residentBytes();
  return bytes === undefined ? undefined : Math.max(0, bytes - getHeapStatistics().total_physical_size);
}
