/** Opens one more session of a hosted model. */
import type { Clock } from '../../../core/clock.ts';
import type { Signatures } from '../../../core/signature.ts';
import { syntheticBatch } from '../../synthetic-batch.ts';
import type { HostWorker } from '../host-worker.ts';
import type { WorkerSlots } from '../worker-slots.ts';
import type { ElasticOptions } from './elastic-options.ts';

/** The parts of a host that its sessions are changed with. */
export interface SessionsContext {
  readonly workers: WorkerSlots;
  readonly clock: Clock;
  readonly elastic: ElasticOptions;
  readonly signatures: Signatures;
  /** The number of sessions, or of threads of a run, has changed. */
  readonly onChange: () => void;
}

/**
 * A worker that has loaded and has run once, in no slot. Rejects if it does not fit into memory or does not load, or
 * when the host is closed.
 */
export async function openSession(
  { workers, elastic, signatures }: Pick<SessionsContext, 'workers' | 'elastic' | 'signatures'>,
  threads: number,
): Promise<HostWorker> {
  const release = await elastic.reserveSession?.();
  try {
    const worker = await workers.open(threads);
    await warm(worker, signatures);
    return worker;
  } finally {
    release?.();
  }
}

/** The first run sets up code and memory, and no request should wait for that. A failure proves nothing, and inputs that are too large are left out. */
async function warm(worker: HostWorker, signatures: Signatures): Promise<void> {
  for (const [name, signature] of signatures) {
    const { batchAxis } = signature;
    const batch = syntheticBatch(name, signature, { rows: batchAxis.kind === 'fixed' ? batchAxis.size : 1 });
    if (batch === undefined) continue;
    const { inputs, outputs } = batch;
    await worker.run({ signatureName: name, inputs, outputs, deadline: Infinity }).catch(() => undefined);
  }
}
