/**
 * A model on worker threads of this process: worker-host.ts over thread-worker.ts.
 *
 * Small batches are copied through shared memory (mailbox.ts). Large batches, and strings, go by message in buffers
 * that are transferred there and back. bench/micro/hosts.ts compares the two.
 */
import { type NewWorker, startWorkerHost, type WorkerHosted } from '../worker-host.ts';
import type { WorkerHostOptions } from '../worker-host-options.ts';
import { DEFAULT_SLAB_BYTES, newMailboxMemory } from './mailbox.ts';
import { ThreadWorker } from './thread-worker.ts';

export interface ThreadHostOptions extends WorkerHostOptions {
  /** Shared memory for a batch's inputs, in bytes for each worker. Larger batches go by message; with 0 all do. */
  readonly slabBytes?: number;
}

/** Starts the threads and resolves when all have loaded. Rejects with `load_failed` when one cannot. */
export function startThreadHost(options: ThreadHostOptions): Promise<WorkerHosted> {
  const { model, versionDirectory, backendModule, loadOptions, priority } = options;
  const { slabBytes = DEFAULT_SLAB_BYTES } = options;
  const newWorker: NewWorker = (index, pool, threads) => {
    const mailbox = slabBytes === 0 ? undefined : newMailboxMemory(slabBytes);
    const ofThreads = { ...loadOptions, intraOpThreads: threads, slot: index };
    const start = { versionDirectory, backendModule, loadOptions: ofThreads, priority, mailbox };
    return new ThreadWorker(start, `pillion:${model}#${index}`, model, pool);
  };
  return startWorkerHost(options, newWorker);
}
