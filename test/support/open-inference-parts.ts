/** The shared layer of the Open Inference Protocol over puppet models, for the harnesses of both surfaces. */
import { systemClock } from '../../src/core/clock.ts';
import { ConfiguredModels, type OperatedModels } from '../../src/proxy/handlers/configured-models.ts';
import { ModelInfoHandler } from '../../src/proxy/handlers/model-info.ts';
import { ModelResolver } from '../../src/proxy/handlers/model-resolver.ts';
import { RepositoryHandler } from '../../src/proxy/handlers/repository.ts';
import type { LevelledLog } from '../../src/proxy/protocols/open-inference/log-settings.ts';
import { OpenInference } from '../../src/proxy/protocols/open-inference/open-inference.ts';
import { ServerSettings } from '../../src/proxy/protocols/open-inference/server-settings.ts';
import { SharedMemory } from '../../src/proxy/protocols/open-inference/shared-memory.ts';
import { type Readiness, ReadinessGate } from '../../src/proxy/readiness.ts';
import type { RequestLifecycle } from '../../src/proxy/request-lifecycle.ts';
import type { RegionStore } from '../../src/proxy/shared-memory/region-store.ts';
import type { InferenceStatistics } from '../../src/telemetry/metrics/inference-statistics.ts';
import type { Sampling } from '../../src/telemetry/tracing/sampling.ts';
import { TestStatistics } from './inference-statistics.ts';
import type { PuppetDirectory } from './puppet-models.ts';

/** Of a request's inputs in regions. */
export const MAX_SHARED_BYTES = 8 * 2 ** 20;

export interface OpenInferenceHarness {
  readonly models: PuppetDirectory;
  readonly lifecycle: RequestLifecycle;
  /** Default: a server that is ready. */
  readonly readiness?: Readiness;
  /** What callers may load and unload. Default: nothing. */
  readonly operated?: OperatedModels | undefined;
  /** Of the settings. Default: a log of the level info, no tracing, and nothing that callers may change. */
  readonly log?: LevelledLog;
  readonly sampling?: Sampling;
  readonly areSettingsChangeable?: boolean;
  /** Default: no totals. */
  readonly statistics?: InferenceStatistics;
  /** Of clients' shared memory. Default: there is none. */
  readonly regions?: RegionStore | undefined;
}

export function openInferenceOf(harness: OpenInferenceHarness): OpenInference {
  const { models, lifecycle, operated, statistics = new TestStatistics(systemClock) } = harness;
  const shared = { regions: harness.regions, maxTensorBytes: MAX_SHARED_BYTES, hasUnixSocket: false };
  return new OpenInference({
    sharedMemory: new SharedMemory({ ...shared, lifecycle }),
    resolver: new ModelResolver(models),
    modelInfo: new ModelInfoHandler(models),
    lifecycle,
    statistics,
    readiness: harness.readiness ?? readyGate(),
    repository: {
      loads: operated && new RepositoryHandler(new ConfiguredModels(operated, systemClock)),
      onDisk: undefined,
    },
    settings: new ServerSettings({
      log: harness.log ?? quietLog(),
      sampling: harness.sampling,
      areChangeable: harness.areSettingsChangeable ?? false,
    }),
    version: '1.2.3',
  });
}

/** A log that writes nothing. */
function quietLog(): LevelledLog {
  const log = {
    level: 'info',
    setLevel: (level: string) => {
      log.level = level;
    },
  };
  return log;
}

function readyGate(): Readiness {
  const gate = new ReadinessGate();
  gate.setModelsReady(true);
  return gate;
}
