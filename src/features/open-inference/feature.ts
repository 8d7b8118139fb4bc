/** The Open Inference Protocol (KServe V2) with Triton's extensions, over REST below /v2 and over gRPC. */
import type { Feature } from '../../kernel/feature.ts';
import { OPEN_INFERENCE_OPTIONS } from './options.ts';

export const openInference = {
  name: 'open-inference',
  options: OPEN_INFERENCE_OPTIONS,
  install: async (server) => (await import('./install.ts')).installOpenInference(server),
} satisfies Feature;
