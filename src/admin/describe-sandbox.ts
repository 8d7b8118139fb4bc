/** A sandbox in words, for the log and reports. */
import type { SandboxState } from '../backends/host/process/sandbox.ts';

/** One line: "full (bubblewrap)", "partial (setpriv): it has the network". */
export function describeSandbox({ level, by, lacks }: SandboxState): string {
  const what = by === '' ? level : `${level} (${by})`;
  return lacks.length === 0 ? what : `${what}: ${lacks.join('; ')}`;
}
