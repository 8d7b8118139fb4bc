/** Replays the golden requests of a version, and compares the answers with the recorded ones. */
import { join } from 'node:path';
import type { LoadedVersion } from '../../models/loading/load-steps.ts';
import type { RecordReplayer } from '../../models/warm-up/record-replayer.ts';
import { type RecordedFilesOptions, replayFile } from '../../proxy/records/recorded-files.ts';

export const GOLDEN_FILE = join('assets.extra', 'pillion_golden_requests');

/** Rejects with `load_failed` at the first answer that differs. */
export async function checkGolden(
  replayer: Pick<RecordReplayer, 'check'>,
  files: RecordedFilesOptions,
  loaded: LoadedVersion,
): Promise<void> {
  const replay = await replayFile(files, loaded, GOLDEN_FILE, {
    what: 'golden',
    errorKind: 'load_failed',
    use: (record) => replayer.check(loaded.servable, record),
  });
  if (replay === undefined) return;
  if (replay.error !== undefined) throw replay.error;
  loaded.hasAnswered = true;
}
