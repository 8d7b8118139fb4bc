/** The hooks and jobs of pods: `pillion await`, `pillion drain`, and the paths that they ask. */
import type { Feature } from '../../kernel/feature.ts';
import { awaitCommand } from './await-command.ts';
import { drainCommand } from './drain-command.ts';
import { POD_OPTIONS } from './options.ts';

export const podLife = {
  name: 'pod-life',
  options: POD_OPTIONS,
  commands: [awaitCommand, drainCommand],
  install: async (server) => (await import('./install.ts')).installPodLife(server),
} satisfies Feature;
