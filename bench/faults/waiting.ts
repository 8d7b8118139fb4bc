/** Waiting, with an end. */

const LIMIT_MS = 40_000;
const LOOK_EVERY_MS = 5;

/** Looks until it holds. Rejects with `what` after 40 s. */
export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const last = performance.now() + LIMIT_MS;
  while (!(await holds())) {
    if (performance.now() > last) throw new Error(`waited in vain until ${what}`);
    await pause(LOOK_EVERY_MS);
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
