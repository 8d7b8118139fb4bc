/**
 * For how long the process's main thread wanted a core, in ms since its start: the time on one, and the time in which it
 * waited for one, because others had them or a cgroup's quota was used up. Undefined where the kernel does not say.
 *
 * /proc/self/schedstat is "nanoseconds on a core, nanoseconds waiting for one, turns".
 */
import { type FileReader, readTextFile } from './cgroup.ts';

export function wantedCoreMs(readFile: FileReader = readTextFile): number | undefined {
  const [, ran, waited] = /^(\d+) (\d+) \d+\s*$/.exec(readFile('/proc/self/schedstat') ?? '') ?? [];
  return ran === undefined ? undefined : (Number(ran) + Number(waited)) / 1e6;
}
