import { ADMIN, ADMIN_TOKEN_FILE, sidecarCommand } from '../../cli/sidecar-command.ts';
import { flag, integer } from '../../config/options/option-types.ts';

export const awaitCommand = sidecarCommand({
  name: 'await',
  usage: ['await [-- COMMAND]   waits until a sidecar is ready, then runs the application'],
  help: `pillion await: waits until a sidecar is ready, then runs a command

  pillion await --timeout=120 -- python app.py
  lifecycle: {postStart: {exec: {command: [pillion, await]}}}     of the sidecar: holds the containers after it

The command gets this process's terminal or pipes, environment, and signals (SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1,
SIGUSR2). Ends with the command's status, 128 + N if signal N has ended it, 127 if there is no such command, 126 if it
cannot be run; with 1 if the sidecar is not ready after --timeout, and the reason.
`,
  options: {
    admin: ADMIN,
    admin_token_file: ADMIN_TOKEN_FILE,
    timeout: integer({
      min: 0,
      max: 86_400,
      default: 60,
      help: 'How many seconds to wait until the sidecar is ready. 0 = without end.',
    }),
    quit: flag({
      default: false,
      help: 'When COMMAND has ended, the sidecar is told to end too: it must run with --quitquitquit. For a Job whose sidecar is no native one.',
    }),
  },
  takesWords: true,
  check: ({ quit }, { words }) => [
    ...(words?.length === 0 ? ['which command? give -- COMMAND, or leave out --'] : []),
    ...(quit && words === undefined ? ['--quit has a meaning only with -- COMMAND'] : []),
  ],
  run: async (options, { words: command = [] }) => (await import('./await.ts')).awaitReady({ ...options, command }),
});
