/**
 * Lists the facts that this system does not tell: macOS has none of these files, and a container may hide them. The
 * server works without them, with the values that the list says.
 */
import { type FileReader, readTextFile } from './cgroup.ts';

/** Files, what they say, and what is done without them. */
const FACTS: readonly (readonly [path: string, means: string])[] = [
  ['/proc/self/cgroup', 'limits of containers: cores and memory are the whole machine’s'],
  ['/proc/meminfo', 'free memory: a load is not checked, and requests have a fixed budget'],
  ['/proc/cpuinfo', 'the CPU: learned run times are kept without its name'],
  ['/proc/self/limits', 'the limit of open files: connections have the largest caps'],
  ['/proc/self/schedstat', 'waiting for a core: headroom does not see it'],
  ['/proc/self/status', 'resident memory and capabilities: a model’s memory is not measured'],
];

/** One line each: "path: what it says: what is done without it". Empty where all can be read. */
export function unreadFacts(readFile: FileReader = readTextFile): readonly string[] {
  return FACTS.filter(([path]) => readFile(path) === undefined).map(([path, means]) => `${path}: ${means}`);
}
