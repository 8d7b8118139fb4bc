/** Checks versions with their golden requests, whether they are warmed up or not. */
import type { Installation } from '../../kernel/installation.ts';
import { replayerOf } from '../../proxy/records/prediction-log-replayer.ts';
import { recordedFilesOf } from '../../proxy/records/recorded-files.ts';
import { checkGolden } from './check-golden.ts';

export function installGoldenRequests(server: Installation): void {
  const replayer = replayerOf(server);
  const files = recordedFilesOf(server);
  server.models.steps.push({ stage: 'check', run: (loaded) => checkGolden(replayer, files, loaded) });
}
