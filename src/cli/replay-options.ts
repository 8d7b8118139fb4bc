/** Every option of `pillion replay`, once; --help and the reader are made from it. */
import { integer, text } from '../config/option-types.ts';
import type { OptionValues } from '../config/read-options.ts';
import { type CommandOptions, type CommandTable, hostPortProblems, readCommandOptions } from './command-options.ts';

export const REPLAY_OPTIONS = {
  in: text({
    default: '',
    placeholder: 'FILE',
    help: 'A TFRecord file of PredictionLog: a request log, a recording. Empty = what the sidecar at --admin captured.',
  }),
  admin: text({
    default: '127.0.0.1:8502',
    placeholder: 'HOST:PORT',
    help: 'The admin address of the sidecar whose captured requests are sent; it listens on its own machine alone.',
  }),
  rest: text({
    default: '127.0.0.1:8501',
    placeholder: 'HOST:PORT',
    help: 'The REST address of the sidecar that they are sent to, as protobuf; need not be the same.',
  }),
  model: text({
    default: '',
    placeholder: 'NAME',
    help: 'Of captured requests, those of this model; of a file’s, the model that they are sent to. Empty = all; as recorded.',
  }),
  kept: text({
    default: '',
    oneOf: ['', 'slow', 'failed'],
    placeholder: 'slow|failed',
    help: 'Of captured requests, those that were kept for this. Empty = all.',
  }),
  count: integer({ min: 1, max: 1_000_000, default: 1000, help: 'Ends after so many requests.' }),
} satisfies CommandTable;

export type ReplayOptions = OptionValues<typeof REPLAY_OPTIONS>;

/** The options, or all mistakes. */
export function readReplayOptions(args: readonly string[]): CommandOptions<ReplayOptions> {
  return readCommandOptions(REPLAY_OPTIONS, args, ({ rest }) => hostPortProblems('rest', rest));
}
