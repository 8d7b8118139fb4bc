/** `text` in pillion.yaml, and models with a tokenizer.json: texts are the inputs of embedders, classifiers and rerankers. */
import type { Feature } from '../../kernel/feature.ts';
import { TEXT } from './text-key.ts';

export const text = {
  name: 'text',
  fileKeys: [TEXT],
  install: async (server) => (await import('./install.ts')).installText(server),
} satisfies Feature;
