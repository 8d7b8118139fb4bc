/** How much more traffic the server takes, for autoscalers: GET /headroom, and two metrics. */
import type { Feature } from '../../kernel/feature.ts';

export const headroom = {
  name: 'headroom',
  install: async (server) => (await import('./install.ts')).installHeadroom(server),
} satisfies Feature;
