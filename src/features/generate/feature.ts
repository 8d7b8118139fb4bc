/** Triton's generate extension: a model's inputs as the keys of one JSON object, and its outputs likewise. */
import type { Feature } from '../../kernel/feature.ts';

export const generate = {
  name: 'generate',
  install: async (server) => (await import('./install.ts')).installGenerate(server),
} satisfies Feature;
