/**
 * Proofs by runs: that the rows of requests do not reach each other's answers, where the graph alone does not show it,
 * and that padding does not change answers.
 */
import type { Feature } from '../../kernel/feature.ts';

export const rowProofs = {
  name: 'row-proofs',
  install: async (server) => (await import('./install.ts')).installRowProofs(server),
} satisfies Feature;
