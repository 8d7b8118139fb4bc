/** `pillion profile` and GET /profile: where the time goes, as one trace file (src/features/profile/README.md). */
import type { Feature } from '../../kernel/feature.ts';
import { profileCommand } from './command.ts';

export const profile = {
  name: 'profile',
  commands: [profileCommand],
  install: async (server) => (await import('./install.ts')).installProfile(server),
} satisfies Feature;
