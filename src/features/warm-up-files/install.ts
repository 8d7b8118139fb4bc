/** Replays warm-up files, and counts them under TensorFlow Serving's names. */
import { optionsOf } from '../../config/options/feature-options.ts';
import type { Installation } from '../../kernel/installation.ts';
import { replayerOf } from '../../proxy/records/prediction-log-replayer.ts';
import { recordedFilesOf } from '../../proxy/records/recorded-files.ts';
import { WARM_UP_OPTIONS } from './options.ts';
import { replayWarmUp } from './replay-warm-up.ts';
import { WarmUpMetrics } from './warm-up-metrics.ts';

export function installWarmUpFiles(server: Installation): void {
  const metrics = new WarmUpMetrics();
  server.telemetry.metrics.addAliases(metrics.families);
  const options = {
    replayer: replayerOf(server),
    files: recordedFilesOf(server),
    iterations: optionsOf(server.config, WARM_UP_OPTIONS).num_request_iterations_for_warmup || 1,
    onReplayed: ({ error, ...replay }) => metrics.record({ ...replay, outcome: error?.kind ?? 'ok' }),
  } satisfies Parameters<typeof replayWarmUp>[0];
  server.models.steps.push({ stage: 'warm-up', run: (loaded) => replayWarmUp(options, loaded) });
}
