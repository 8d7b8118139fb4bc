/** `shadow` of a model: another runtime runs copies of some batches, and differences are counted. */
import type { Feature } from '../../kernel/feature.ts';
import { FILE_SHADOW, SHADOW } from './keys.ts';

export const shadow = {
  name: 'shadow',
  modelKeys: [SHADOW],
  fileKeys: [FILE_SHADOW],
  install: async (server) => (await import('./install.ts')).installShadow(server),
} satisfies Feature;
