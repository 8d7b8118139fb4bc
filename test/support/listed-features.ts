/**
 * Installs features of src/pillion.ts for harnesses that make servers of puppet models: they import no feature, so that
 * each can be deleted.
 */
import { systemClock } from '../../src/core/clock.ts';
import { Facts } from '../../src/core/collections/facts.ts';
import type { Feature } from '../../src/kernel/feature.ts';
import type { EngineMaker, Installation, SurfaceMaker, SurfaceParts } from '../../src/kernel/installation.ts';
import { ModelSeams } from '../../src/kernel/model-seams.ts';
import type { RootLogger } from '../../src/ledger/log/log.ts';
import { createTelemetry } from '../../src/ledger/telemetry.ts';
import { FEATURES } from '../../src/pillion.ts';
import { ModelInfoHandler } from '../../src/proxy/handlers/model-info.ts';
import { ModelResolver } from '../../src/proxy/handlers/model-resolver.ts';
import type { Readiness } from '../../src/proxy/readiness.ts';
import type { RequestLifecycle } from '../../src/proxy/request-lifecycle.ts';
import { configOf } from './config-files.ts';
import type { PuppetDirectory } from './puppet-models.ts';

/** Names of features without which a server of puppets can do little. */
const PROTOCOLS = ['open-inference', 'shared-memory', 'triton-repository', 'classify-and-regress', 'reload'];

const clock = systemClock;
/** A log with the level of a default server, which writes nothing. */
const logger = { level: 'info', setLevel: () => undefined } as unknown as RootLogger;
const telemetry = createTelemetry({ clock, logger });
/** The parts that a feature has put in. */
export interface Installed {
  readonly surfaces: readonly SurfaceMaker[];
  readonly engine: EngineMaker | undefined;
  readonly models: ModelSeams;
}

/** Installs features with these options, and returns their parts; one that is not listed has none. */
export async function installed(names: readonly string[], args: readonly string[] = []): Promise<Installed> {
  const surfaces: SurfaceMaker[] = [];
  let engine: EngineMaker | undefined;
  const models = new ModelSeams(FEATURES);
  const server: Partial<Installation> = {
    config: configOf(['--model=m=/models/m', ...args]),
    ...{ clock, logger, telemetry, models, facts: new Facts() },
    surface: (make) => surfaces.push(make),
    engine: (make) => {
      engine = make;
    },
    service: () => undefined,
  };
  const features: readonly Feature[] = FEATURES.features.filter(({ name }) => names.includes(name));
  for (const feature of features) await feature.install?.(server as Installation);
  return { surfaces, engine, models };
}

export const LISTED_SURFACES: readonly SurfaceMaker[] = (await installed(PROTOCOLS)).surfaces;

export interface PuppetServer {
  readonly models: PuppetDirectory;
  readonly lifecycle: RequestLifecycle;
  readonly readiness: Readiness;
}

/** The parts of a server of puppets on which a surface stands. */
export function puppetParts({ models, lifecycle, readiness }: PuppetServer, maxMessageBytes: number): SurfaceParts {
  const zero = (): number => 0;
  return {
    ...{ lifecycle, readiness, maxMessageBytes },
    resolver: new ModelResolver(models, models),
    modelInfo: new ModelInfoHandler(models),
    // No caller may load and unload models.
    ...{ models: undefined as never, ownModels: () => [], audit: undefined, thread: undefined },
    loads: { runCores: () => 1, waitingMs: zero, loopBusyMs: zero, loopWantedMs: zero, budgetCores: () => 1 },
    hasProxyAddresses: false,
  };
}
