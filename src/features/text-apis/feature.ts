/** HTTP APIs for texts as others have them: OpenAI's embeddings, text-embeddings-inference, Cohere's and Jina's reranking. */
import type { Feature } from '../../kernel/feature.ts';

export const textApis = {
  name: 'text-apis',
  install: async (server) => (await import('./install.ts')).installTextApis(server),
} satisfies Feature;
