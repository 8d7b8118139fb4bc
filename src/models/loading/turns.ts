/** Turns in a queue, for work that goes on when it is aborted: native code cannot be stopped. */
import type PQueue from 'p-queue';

/**
 * What `work` comes to once the queue has let it begin; undefined where `signal` was aborted before. Work that has begun
 * keeps its turn until it ends, whatever is aborted: the queue by itself would let the next one begin then.
 */
export async function runInTurn<T>(queue: PQueue, signal: AbortSignal, work: () => Promise<T>): Promise<T | undefined> {
  if (signal.aborted) return undefined;
  const waiting = new AbortController();
  const leave = (): void => waiting.abort();
  signal.addEventListener('abort', leave, { once: true });
  const begin = (): Promise<T> => {
    signal.removeEventListener('abort', leave);
    return work();
  };
  try {
    return await queue.add(begin, { signal: waiting.signal });
  } catch (error) {
    if (waiting.signal.aborted) return undefined;
    throw error;
  }
}
