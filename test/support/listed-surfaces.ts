/**
 * The protocols of src/pillion.ts as the harnesses of both surfaces have them, over puppet models: features that are listed,
 * with the defaults of their options.
 */
import { systemClock } from '../../src/core/clock.ts';
import type { Feature } from '../../src/kernel/feature.ts';
import type { Installation, SurfaceMaker, SurfaceParts } from '../../src/kernel/installation.ts';
import { FEATURES } from '../../src/pillion.ts';
import { ModelInfoHandler } from '../../src/proxy/handlers/model-info.ts';
import { ModelResolver } from '../../src/proxy/handlers/model-resolver.ts';
import type { Readiness } from '../../src/proxy/readiness.ts';
import type { RequestLifecycle } from '../../src/proxy/request-lifecycle.ts';
import type { RootLogger } from '../../src/telemetry/log/log.ts';
import { createTelemetry } from '../../src/telemetry/telemetry.ts';
import { configOf } from './config-files.ts';
import type { PuppetDirectory } from './puppet-models.ts';

/** Names of features without which a server of puppets can do little. */
const PROTOCOLS = ['open-inference', 'classify-and-regress'];

const clock = systemClock;
/** Of the level of a default server; it writes nothing. */
const logger = { level: 'info', setLevel: () => undefined } as unknown as RootLogger;
const telemetry = createTelemetry({ clock, logger, processMetrics: false });
const config = configOf(['--model=m=/models/m']);

async function makersOf(feature: Feature): Promise<readonly SurfaceMaker[]> {
  const makers: SurfaceMaker[] = [];
  const surface = (make: SurfaceMaker): void => void makers.push(make);
  await feature.install?.({ config, clock, logger, telemetry, surface, service: () => undefined } as Installation);
  return makers;
}

const protocols = FEATURES.features.filter(({ name }) => PROTOCOLS.includes(name));

export const LISTED_SURFACES: readonly SurfaceMaker[] = (await Promise.all(protocols.map(makersOf))).flat();

export interface PuppetServer {
  readonly models: PuppetDirectory;
  readonly lifecycle: RequestLifecycle;
  readonly readiness: Readiness;
}

/** What a surface of a server of puppets stands on. */
export function puppetParts({ models, lifecycle, readiness }: PuppetServer, maxMessageBytes: number): SurfaceParts {
  const zero = (): number => 0;
  return {
    ...{ lifecycle, readiness, maxMessageBytes },
    resolver: new ModelResolver(models),
    modelInfo: new ModelInfoHandler(models),
    // No caller may load and unload models.
    models: undefined as never,
    ...{ repository: undefined, audit: undefined, thread: undefined },
    loads: { runCores: () => 1, waitingMs: zero, loopBusyMs: zero, budgetCores: () => 1 },
  };
}
