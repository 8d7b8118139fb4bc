/** A server of puppet models that describes itself. */
import { descriptionPart } from '../../../src/features/openapi/description.ts';
import type { Described } from '../../../src/proxy/servers/rest-part.ts';
import type { RestMatcher } from '../../../src/proxy/servers/rest-routes.ts';
import { LISTED_SURFACES } from '../../support/listed-features.ts';
import { RestHarness } from '../../support/rest-harness.ts';

export interface DescribedServer {
  readonly described: readonly Described[];
  readonly routes: RestMatcher;
}

/** `metricsPath`, `inferencePrefix`: as the server's. */
export function describedServer(paths: { metricsPath?: string; inferencePrefix?: string } = {}): DescribedServer {
  let described: () => readonly Described[] = () => [];
  const describing = (all: () => readonly Described[]) => {
    described = all;
    return descriptionPart({ version: '1.2.3' }, all);
  };
  const { server } = new RestHarness({ surfaces: [...LISTED_SURFACES, () => ({ rest: describing })], server: paths });
  return { described: described(), routes: server.routes };
}
