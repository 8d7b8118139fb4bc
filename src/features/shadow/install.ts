/** Puts shadows beside the versions whose configuration asks for one. */
import type { ShadowReport } from '../../admin/runtime-report.ts';
import { factKey } from '../../core/collections/facts.ts';
import type { Installation } from '../../kernel/installation.ts';
import { FILE_SHADOW, SHADOW } from './keys.ts';
import { shadowLog } from './shadow-log.ts';
import { ShadowMetrics } from './shadow-metrics.ts';
import { type ShadowStatus, VersionShadow } from './version-shadow.ts';

/** The key of the shadow, on a version that has one. */
const OF_VERSION = factKey<VersionShadow>('shadow');

export function installShadow({ clock, logger, models, telemetry }: Installation): void {
  const log = shadowLog(logger, clock);
  const metrics = new ShadowMetrics(telemetry.metrics.registry);
  models.layers.batches.push((version) => {
    const { model, modelFile, facts, startBackground, executor, signatures, runtime, versionDirectory } = version;
    const config = SHADOW.of(model) ?? modelFile?.valueOf(FILE_SHADOW);
    if (config === undefined || config.sample === 0) return undefined;
    const { name } = model;
    const shadow = new VersionShadow({
      ...{ config, versionDirectory, runtime, executor, signatures, clock },
      backends: models.backends,
      startHost: (other, onWorkerEvent) => startBackground('shadow', other, onWorkerEvent),
      seriesOf: (other) => metrics.seriesOf(name, version.version.toString(), other),
      onEvent: (event) => log(name, version.version, event),
    });
    facts.set(OF_VERSION, shadow);
    return shadow;
  });
  models.reportVersion('shadow', ({ facts }) => {
    const shadow = facts.get(OF_VERSION);
    return shadow && shadowReport(shadow.status);
  });
}

export function shadowReport(shadow: ShadowStatus): ShadowReport {
  const { leftOut, latencyRatio, outputs, residentBytes, ...status } = shadow;
  return {
    ...status,
    ...(residentBytes !== undefined && { resident_bytes: residentBytes }),
    left_out: { ...leftOut },
    ...(latencyRatio !== undefined && { latency_ratio: latencyRatio }),
    outputs: outputs.map(({ output, mismatches, absolute, relative }) => ({
      output,
      mismatches,
      ...(absolute !== undefined && { max_absolute: absolute }),
      ...(relative !== undefined && { max_relative: relative }),
    })),
  };
}
