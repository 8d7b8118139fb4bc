import { ADMIN, ADMIN_TOKEN_FILE, sidecarCommand } from '../../cli/sidecar-command.ts';
import { flag, integer, share, text } from '../../config/options/option-types.ts';

/** A warm-up file and a file of golden requests may hold this many records. */
const MAX_RECORDS = 1000;

export const recordCommand = sidecarCommand({
  name: 'record',
  usage: [
    "record --model=NAME --out=FILE   writes a warm-up file from a running sidecar's requests",
    'record --help        every option of record',
  ],
  help: `pillion record: writes requests of a running sidecar to a file

  pillion record --model=digits --out=/models/digits/2/assets.extra/tf_serving_warmup_requests
  pillion record --model=digits --golden --out=/models/digits/2/assets.extra/pillion_golden_requests

The file is a TFRecord file of PredictionLog messages, as TensorFlow Serving's warm-up reads it. It appears when it is
complete: after --count records, --max_bytes, --duration, Ctrl-C or the sidecar's end. Requests are people's data: nothing
is recorded unless somebody asks on the sidecar's own machine, and the file is readable by its owner alone.
`,
  options: {
    model: text({ default: '', placeholder: 'NAME', help: 'The model whose requests are recorded. Required.' }),
    out: text({
      default: '',
      placeholder: 'FILE',
      help: 'The file to write; it appears once it is complete. Required.',
    }),
    admin: ADMIN,
    admin_token_file: ADMIN_TOKEN_FILE,
    count: integer({
      min: 1,
      max: MAX_RECORDS,
      default: 100,
      help: `Ends after this many records. A warm-up file may hold ${MAX_RECORDS}.`,
    }),
    max_bytes: integer({
      min: 1,
      max: 2 ** 31 - 1,
      default: 64 * 2 ** 20,
      help: 'Ends before the file grows beyond this many bytes.',
    }),
    duration: integer({
      min: 0,
      max: 7 * 24 * 3600,
      default: 0,
      help: 'Ends after this many seconds, with the records so far. 0 = waits for the count, or Ctrl-C.',
    }),
    sample: share({
      default: 1,
      help: 'Share of the requests that is recorded. A small share spreads the file over a longer time.',
    }),
    golden: flag({
      default: false,
      help: 'Records the answers too: for assets.extra/pillion_golden_requests, whose answers a version must give.',
    }),
    force: flag({ default: false, help: 'Overwrites FILE if it exists.' }),
  },
  check: ({ model, out }) => [
    ...(model === '' ? ['whose requests? give --model=NAME'] : []),
    ...(out === '' ? ['where to? give --out=FILE'] : []),
  ],
  run: async (options) => (await import('./record.ts')).record(options),
});
