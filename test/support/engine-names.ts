/** The engines of a sidecar's gRPC port by their names, as tests choose them. */
import { hasFeature } from './has-feature.ts';

export type EngineName = 'pillion' | 'grpc-js';

export const ENGINE_NAMES: readonly EngineName[] = hasFeature('grpc-js') ? ['pillion', 'grpc-js'] : ['pillion'];

export function isListed({ engine }: { readonly engine: EngineName }): boolean {
  return ENGINE_NAMES.includes(engine);
}

/** The flags that choose the engine: the kernel's own is the default, also where there is no other. */
export function engineFlags(engine: string): readonly string[] {
  return engine === 'pillion' ? [] : [`--http2_engine=${engine}`];
}
