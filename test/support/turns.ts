/** Waiting by turns of the event loop, for what needs no time to pass. */

/** All that is due now has run: next ticks, promises, immediates. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Resolves when `holds`, which is asked in each turn. A test that waits in vain is ended by its time limit. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await turn();
}
