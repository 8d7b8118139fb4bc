/** A principal of one rule, for tests of what asks for permission. */
import type { AccessMethod, AccessSurface } from '../../src/core/access-method.ts';
import type { Principal } from '../../src/proxy/access-control.ts';

export interface Rule {
  readonly models: readonly string[];
  readonly methods: readonly AccessMethod[];
  /** Default: all. */
  readonly surfaces?: readonly AccessSurface[];
}

export function principalOf(name: string, { models, methods, surfaces }: Rule): Principal {
  return {
    caller: `principal:${name}`,
    may: (method, surface, model) =>
      methods.includes(method) && models.includes(model) && (surfaces?.includes(surface) ?? true),
  };
}
