/** The Open Inference Protocol for the harnesses of both surfaces, with other parts than a default server has. */
import { systemClock } from '../../../src/core/clock.ts';
import type { Extension } from '../../../src/features/open-inference/exported/extension.ts';
import { openInferenceSurface } from '../../../src/features/open-inference/install.ts';
import { OpenInference } from '../../../src/features/open-inference/open-inference.ts';
import { ServerSettings } from '../../../src/features/open-inference/server-settings.ts';
import { InferenceStatistics } from '../../../src/features/open-inference/statistics/inference-statistics.ts';
import type { SurfaceMaker, SurfaceParts } from '../../../src/kernel/installation.ts';

export interface PuppetInference {
  /** Default: no totals. */
  readonly statistics?: InferenceStatistics;
  /** Makes extensions of other features. Default: there are none. */
  readonly extend?: (parts: SurfaceParts) => readonly Extension[];
}

export function puppetInference({ extend, statistics }: PuppetInference): SurfaceMaker {
  return (parts) => {
    const log = { level: 'info', setLevel: () => undefined };
    const openInference = new OpenInference({
      ...parts,
      statistics: statistics ?? new InferenceStatistics(systemClock),
      extensions: extend?.(parts) ?? [],
      settings: new ServerSettings({ log, sampling: undefined, areChangeable: false }),
      name: 'pillion',
      version: '1.2.3',
    });
    return openInferenceSurface(openInference, parts);
  };
}
