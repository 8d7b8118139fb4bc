/**
 * Runs of one model at a time. Each takes a thread or a process with a copy of the weights: one a core, as the server says;
 * but one in all where the backend has a process of its own, which takes hundreds of megabytes and may use threads inside.
 * `num_batch_threads` of the model itself goes before either.
 */
import { backendFor } from '../../backends/registry.ts';
import { AUTO_RUNTIME } from '../../config/model-config.ts';
import type { ModelBatching } from './model-batching.ts';

/** Rejects with `load_failed` where no backend knows the version. */
export async function modelSlots(
  backendKind: string | undefined,
  versionDirectory: string,
  { slots, hasOwnSlots }: Pick<ModelBatching, 'slots' | 'hasOwnSlots'>,
): Promise<number> {
  if (hasOwnSlots) return slots;
  // Which of several it will be is not known yet: the first is as good a guess as any.
  const { mustRunIn } = await backendFor(versionDirectory, backendKind === AUTO_RUNTIME ? undefined : backendKind);
  return mustRunIn === 'process' ? 1 : slots;
}
