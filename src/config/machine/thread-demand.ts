import { type FileReader, readTextFile } from './cgroup.ts';

/**
 * The time for which the process's main thread wanted a core, in ms since its start: it ran on one, or it waited for
 * one, because others had them or a cgroup's quota was used up. Undefined where the kernel does not say.
 */
export function wantedCoreMs(readFile: FileReader = readTextFile): number | undefined {
  const use = coreUse('self', readFile);
  return use && (use.ranNs + use.waitedNs) / 1e6;
}

/**
 * The time of the main thread or the calling thread since its start: nanoseconds on a core, and waiting for one.
 * Undefined where the kernel does not say. Linux's schedstat has them, and how often the thread got a core.
 */
export function coreUse(
  of: 'self' | 'thread-self',
  readFile: FileReader = readTextFile,
): { readonly ranNs: number; readonly waitedNs: number } | undefined {
  const [, ran, waited] = /^(\d+) (\d+) \d+\s*$/.exec(readFile(`/proc/${of}/schedstat`) ?? '') ?? [];
  return ran === undefined ? undefined : { ranNs: Number(ran), waitedNs: Number(waited) };
}
