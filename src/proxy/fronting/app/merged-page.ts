/** Pure. Puts the metrics of somebody else's page behind a page of ours. */
import type { Family } from './family-reader.ts';

export interface MergedPage {
  readonly text: string;
  /** Metrics of the other page that are not in it, because ours has one of that name. */
  readonly dropped: readonly string[];
}

const EOF = '# EOF\n';

/** `ours` and `theirs` are in the same format; `isOpen`: it is OpenMetrics. */
export function mergePages(ours: string, theirs: ReadonlyMap<string, Family>, isOpen: boolean): MergedPage {
  const taken = namesIn(ours);
  const lines: string[] = [];
  const dropped: string[] = [];
  for (const { name, head, samples, sampleNames } of theirs.values()) {
    if (taken.has(name) || [...sampleNames].some((sample) => taken.has(sample))) dropped.push(name);
    else {
      lines.push(...head);
      // The samples are added one by one: so many arguments as a page may have samples overflow the stack.
      for (const sample of samples) lines.push(sample);
    }
  }
  const before = isOpen ? ours.slice(0, -EOF.length) : ours;
  const added = lines.length === 0 ? '' : `${lines.join('\n')}\n`;
  return { text: before + added + (isOpen ? EOF : ''), dropped };
}

/** Names of metrics and of their samples, on a page that is known to be sound. */
function namesIn(page: string): ReadonlySet<string> {
  return new Set([...page.matchAll(/^(?:# TYPE )?([a-zA-Z_:][a-zA-Z0-9_:]*)/gm)].map(([, name]) => name!));
}
