/** Replays warm-up files, and counts them under TensorFlow Serving's names. */
import { optionsOf } from '../../config/options/feature-options.ts';
import type { Installation } from '../../kernel/installation.ts';
import { PredictionLogReplayer } from '../../proxy/records/prediction-log-replayer.ts';
import { recordBytes } from '../../proxy/records/recorded-file.ts';
import { WARM_UP_OPTIONS } from './options.ts';
import { replayWarmUp } from './replay-warm-up.ts';
import { WarmUpMetrics } from './warm-up-metrics.ts';

export function installWarmUpFiles({ clock, config, logger, models, telemetry }: Installation): void {
  const { max_message_bytes: maxTensorBytes } = config.options;
  const metrics = new WarmUpMetrics();
  telemetry.metrics.addAliases(metrics.families);
  const options = {
    replayer: new PredictionLogReplayer({ clock, maxTensorBytes, replays: models.replays }),
    files: { clock, logger, maxRecordBytes: recordBytes(maxTensorBytes) },
    iterations: optionsOf(config, WARM_UP_OPTIONS).num_request_iterations_for_warmup || 1,
    onReplayed: ({ error, ...replay }) => metrics.record({ ...replay, outcome: error?.kind ?? 'ok' }),
  } satisfies Parameters<typeof replayWarmUp>[0];
  models.steps.push({ stage: 'warm-up', run: (loaded) => replayWarmUp(options, loaded) });
}
