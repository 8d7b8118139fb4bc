/** Server reflection: tools like grpcurl find the services of the gRPC port, and their messages. */
import type { Feature } from '../../kernel/feature.ts';

export const reflection = {
  name: 'reflection',
  install: async ({ surface }) => {
    const { Reflection } = await import('./reflection-service.ts');
    surface(() => ({ grpc: (_exchange, all) => new Reflection(all).services }));
  },
} satisfies Feature;
