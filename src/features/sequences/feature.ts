/** `state` of pillion.yaml, `sequence_batching` of Triton's: values that are kept from one request to the next. */
import type { Feature } from '../../kernel/feature.ts';
import { SEQUENCES } from './sequences-key.ts';
import { sequencesNote } from './sequences-report.ts';
import { STATE } from './state-key.ts';

export const sequences = {
  name: 'sequences',
  modelKeys: [SEQUENCES],
  fileKeys: [STATE],
  modelNote: sequencesNote,
  install: async (server) => (await import('./install.ts')).installSequences(server),
} satisfies Feature;
