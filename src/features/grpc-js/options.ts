import { type GivenOptions, optionsOf, textOf } from '../../config/options/feature-options.ts';
import { text } from '../../config/options/option-types.ts';
import type { OptionTable } from '../../config/read-options.ts';

export const ENGINE_OPTIONS = {
  http2_engine: text({
    default: 'pillion',
    oneOf: ['pillion', 'grpc-js'],
    placeholder: 'pillion|grpc-js',
    help: 'Implementation of gRPC’s transport. pillion takes a fraction of the CPU and keeps grpc-timeout exactly; grpc-js is for comparison, if a client misbehaves.',
  }),
} satisfies OptionTable;

export function isGrpcJs(config: Pick<GivenOptions, 'options'>): boolean {
  return optionsOf(config, ENGINE_OPTIONS).http2_engine === 'grpc-js';
}

export function engineWarnings(config: GivenOptions): readonly string[] {
  if (!isGrpcJs(config)) return [];
  const hidden = '--http2_engine=grpc-js does not see a second authorization header; pillion refuses such a call';
  const passed =
    '--http2_engine=grpc-js passes nothing on to the application: it gets the requests on the REST port alone';
  const hasNoRest = '--http2_engine=grpc-js has no REST over HTTP/2: --rest_on_grpc_port has no effect';
  const { rest_on_grpc_port: wantsRest } = config.options;
  return [
    ...(wantsRest ? [hasNoRest] : []),
    ...(!textOf(config, 'app') ? [] : [passed]),
    ...(!textOf(config, 'authorization_file') ? [] : [hidden]),
  ];
}
