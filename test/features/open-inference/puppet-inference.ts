/** The Open Inference Protocol for the harnesses of both surfaces, with other parts than a default server has. */
import { systemClock } from '../../../src/core/clock.ts';
import { openInferenceSurface } from '../../../src/features/open-inference/install.ts';
import { OpenInference } from '../../../src/features/open-inference/open-inference.ts';
import { ServerSettings } from '../../../src/features/open-inference/server-settings.ts';
import type { RegionStore } from '../../../src/features/open-inference/shared-memory/region-store.ts';
import { SharedMemory } from '../../../src/features/open-inference/shared-memory/shared-memory.ts';
import { InferenceStatistics } from '../../../src/features/open-inference/statistics/inference-statistics.ts';
import type { SurfaceMaker } from '../../../src/kernel/installation.ts';

/** Of a request's inputs in regions. */
export const MAX_SHARED_BYTES = 8 * 2 ** 20;

export interface PuppetInference {
  /** Default: no totals. */
  readonly statistics?: InferenceStatistics;
  /** Of clients' shared memory. Default: there is none. */
  readonly regions?: RegionStore;
}

export function puppetInference({ regions, statistics }: PuppetInference): SurfaceMaker {
  return (parts) => {
    const { lifecycle } = parts;
    const sharedMemory = new SharedMemory({
      ...{ regions, lifecycle, maxTensorBytes: MAX_SHARED_BYTES, hasUnixSocket: false },
    });
    const log = { level: 'info', setLevel: () => undefined };
    const openInference = new OpenInference({
      ...parts,
      sharedMemory,
      statistics: statistics ?? new InferenceStatistics(systemClock),
      extensions: [],
      settings: new ServerSettings({ log, sampling: undefined, areChangeable: false }),
      version: '1.2.3',
    });
    return openInferenceSurface(openInference, parts);
  };
}
