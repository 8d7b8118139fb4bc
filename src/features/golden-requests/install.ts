/** Checks versions with their golden requests, whether they are warmed up or not. */
import type { Installation } from '../../kernel/installation.ts';
import { PredictionLogReplayer } from '../../proxy/records/prediction-log-replayer.ts';
import { recordBytes } from '../../proxy/records/recorded-file.ts';
import { checkGolden } from './check-golden.ts';

export function installGoldenRequests({ clock, config, logger, models }: Installation): void {
  const { max_message_bytes: maxTensorBytes } = config.options;
  const replayer = new PredictionLogReplayer({ clock, maxTensorBytes, replays: models.replays });
  const files = { clock, logger, maxRecordBytes: recordBytes(maxTensorBytes) };
  models.steps.push({ stage: 'check', run: (loaded) => checkGolden(replayer, files, loaded) });
}
