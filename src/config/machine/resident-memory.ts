/** The memory of this process that is in RAM, in bytes; undefined where the system does not say (Linux without /proc). */
import process from 'node:process';

export function residentBytes(): number | undefined {
  try {
    return process.memoryUsage.rss();
  } catch {
    return undefined;
  }
}
