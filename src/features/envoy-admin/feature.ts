/** The pages about the server itself, as people know them from Envoy's admin port. */
import type { Feature } from '../../kernel/feature.ts';

export const envoyAdmin = {
  name: 'envoy-admin',
  install: async (server) => (await import('./install.ts')).installEnvoyAdmin(server),
} satisfies Feature;
