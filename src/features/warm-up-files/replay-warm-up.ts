/** Replays the warm-up file of a version through the real handlers, each request on every slot. */

import type { LoadedVersion } from '../../models/loading/load-steps.ts';
import { type RecordReplayer, replayOnEverySlot } from '../../models/warm-up/record-replayer.ts';
import { WARM_UP_FILE } from '../../proxy/records/recorded-file.ts';
import { type FileReplay, type RecordedFilesOptions, replayFile } from '../../proxy/records/recorded-files.ts';

interface WarmUpFileOptions {
  readonly replayer: Pick<RecordReplayer, 'replay'>;
  readonly files: RecordedFilesOptions;
  /** The number of times that each record is replayed. */
  readonly iterations: number;
  /** Called with each replay, also one that has failed. */
  readonly onReplayed: (replay: FileReplay) => void;
}

/** Rejects if the file is damaged or a request fails, with the kinds of `forEachRecord`. */
export async function replayWarmUp(
  { replayer, files, iterations, onReplayed }: WarmUpFileOptions,
  loaded: LoadedVersion,
): Promise<void> {
  const replay = await replayFile(files, loaded, WARM_UP_FILE, {
    what: 'warm-up',
    use: async (record) => {
      for (let i = 0; i < iterations; i++) await replayOnEverySlot(replayer, loaded, record);
    },
  });
  if (replay === undefined) return;
  onReplayed(replay);
  if (replay.error !== undefined) throw replay.error;
  loaded.hasAnswered = true;
}
