/** `backend: auto` of a model: the fastest of the runtimes that its version has files for. */
import type { Feature } from '../../kernel/feature.ts';

export const autoRuntime = {
  name: 'auto-runtime',
  install: async (server) => (await import('./install.ts')).installAutoRuntime(server),
} satisfies Feature;
