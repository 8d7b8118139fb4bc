import { flag } from '../../config/options/option-types.ts';
import type { OptionTable } from '../../config/read-options.ts';

export const SHARED_MEMORY_OPTIONS = {
  allow_client_shm: flag({
    default: false,
    help: 'Callers of the Open Inference Protocol on the same machine may register shared memory: files in /dev/shm of this process’s user or of root. Triton’s flag; with an authorization file, those whom it allows "shared_memory".',
  }),
} satisfies OptionTable;
