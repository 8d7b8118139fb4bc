/** `--http2_engine=grpc-js`: the gRPC port on @grpc/grpc-js, the oracle of our own HTTP/2. */
import type { Feature } from '../../kernel/feature.ts';
import { ENGINE_OPTIONS, engineWarnings, isGrpcJs } from './options.ts';

export const grpcJs = {
  name: 'grpc-js',
  options: ENGINE_OPTIONS,
  warnings: engineWarnings,
  install: async ({ config, engine }) => {
    if (!isGrpcJs(config)) return;
    const { GrpcJsEngine } = await import('./engine.ts');
    engine((options) => new GrpcJsEngine(options));
  },
} satisfies Feature;
