import { DEFAULT_PROFILE_SECONDS, MAX_PROFILE_SECONDS } from '../../admin/profile/profile-endpoint.ts';
import { integer, text } from '../../config/options/option-types.ts';
import { ADMIN, ADMIN_TOKEN_FILE, sidecarCommand } from '../sidecar-command.ts';

export const profileCommand = sidecarCommand({
  name: 'profile',
  usage: ["profile --out=FILE   writes a trace file of a running sidecar, and prints the ops that take a model's time"],
  help: `pillion profile: where the time goes, as one trace file

  pillion profile --out=trace.json
  pillion profile --seconds=20 --model=digits --out=trace.json

The file opens at https://ui.perfetto.dev and in chrome://tracing. It holds each request with its stages, each batch, the
JavaScript functions that ran on the event loop, and the ops of a replica: the model loaded once more with its runtime's
profiler on, and run on zeros at the batch size that was seen. The ops that take longest are printed too. The replica
takes a core for a few seconds.
`,
  options: {
    out: text({ default: '', placeholder: 'FILE', help: 'Where the trace file goes. Required.' }),
    seconds: integer({
      min: 1,
      max: MAX_PROFILE_SECONDS,
      default: DEFAULT_PROFILE_SECONDS,
      help: 'How long requests, batches and the event loop are watched.',
    }),
    model: text({
      default: '',
      placeholder: 'NAME',
      help: 'Shows the requests, batches and ops of this model alone. Empty = those of all models, and the ops of the busiest.',
    }),
    admin: ADMIN,
    admin_token_file: ADMIN_TOKEN_FILE,
  },
  check: ({ out }) => (out === '' ? ['where to? give --out=FILE'] : []),
  run: async (options) => (await import('../profile.ts')).profile(options),
});
