/**
 * How many of something may go on at once; who comes later waits, first come first served. The limit may change: what is
 * under way goes on.
 */
export class WorkSlots {
  #limit: number;
  #taken = 0;
  readonly #waiting = new Set<() => void>();

  /** Infinity = no limit. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  set limit(limit: number) {
    this.#limit = limit;
    this.#admit();
  }

  /** Resolves with true when there is a slot, which is then the caller's to give back; with false once aborted. */
  take(signal?: AbortSignal): Promise<boolean> {
    if (signal?.aborted === true) return Promise.resolve(false);
    return new Promise((resolve) => {
      const onAbort = (): void => {
        this.#waiting.delete(onSlot);
        resolve(false);
      };
      const onSlot = (): void => {
        signal?.removeEventListener('abort', onAbort);
        resolve(true);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.add(onSlot);
      this.#admit();
    });
  }

  giveBack(): void {
    this.#taken -= 1;
    this.#admit();
  }

  #admit(): void {
    for (const onSlot of this.#waiting) {
      if (this.#taken >= this.#limit) return;
      this.#waiting.delete(onSlot);
      this.#taken += 1;
      onSlot();
    }
  }
}
