import { ADMIN, ADMIN_TOKEN_FILE, sidecarCommand } from '../../cli/sidecar-command.ts';
import { integer, text } from '../../config/options/option-types.ts';

export const doctorCommand = sidecarCommand({
  name: 'doctor',
  usage: ['doctor               says what is wrong with the machine, the models and their traffic, and what to change'],
  help: `pillion doctor: what is wrong, why, and what to change

  pillion doctor
  pillion doctor --seconds=30 --format=json | jq '.findings[].id'

Looks at cores, quotas, throttling, memory, huge pages and vector instructions as the sidecar's process has them, at its
models and at their traffic. Without a sidecar it looks at the machine alone. src/features/doctor/README.md lists
every finding. Ends with 0 if nothing was found, 1 if something was, 2 if the sidecar at a given --admin cannot be read.
`,
  options: {
    admin: ADMIN,
    admin_token_file: ADMIN_TOKEN_FILE,
    seconds: integer({
      min: 0,
      max: 3600,
      default: 5,
      help: 'How long the traffic is watched. 0 = not at all: the traffic since the start counts.',
    }),
    format: text({
      default: 'text',
      oneOf: ['text', 'json'],
      placeholder: 'text|json',
      help: 'text for people, json for scripts.',
    }),
  },
  run: async (options, { given }) =>
    (await import('./doctor.ts')).doctor({ ...options, wantsServer: given.has('admin') }),
});
