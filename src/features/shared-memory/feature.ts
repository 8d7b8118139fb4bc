/** Triton's system shared memory extension: tensors in files of /dev/shm, for clients on the same machine. */
import type { Feature } from '../../kernel/feature.ts';
import { SHARED_MEMORY_OPTIONS } from './options.ts';

export const sharedMemory = {
  name: 'shared-memory',
  options: SHARED_MEMORY_OPTIONS,
  install: async (server) => (await import('./install.ts')).installSharedMemory(server),
} satisfies Feature;
