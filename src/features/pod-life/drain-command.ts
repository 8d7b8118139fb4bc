import { ADMIN, ADMIN_TOKEN_FILE, sidecarCommand } from '../../cli/sidecar-command.ts';
import { integer } from '../../config/options/option-types.ts';

export const drainCommand = sidecarCommand({
  name: 'drain',
  usage: ["drain                sends a sidecar's clients elsewhere, and waits until they are gone"],
  help: `pillion drain: sends a running sidecar's clients elsewhere, and waits until they are gone

  lifecycle: {preStop: {exec: {command: [pillion, drain, --timeout=20]}}}

From now on the sidecar is not ready. After its --drain_delay_ms it tells its clients to go elsewhere. It still answers
everything, on new connections too, so that the application of its own pod is served until it ends. SIGTERM then ends
the sidecar without another delay. docs/how-to/kubernetes.md says what a pod does when.
Ends with 0 once no client is connected, or the sidecar has ended; with 1 if clients are left after --timeout, or there
is no sidecar.
`,
  options: {
    admin: ADMIN,
    admin_token_file: ADMIN_TOKEN_FILE,
    timeout: integer({
      min: 0,
      max: 86_400,
      default: 25,
      help: 'How many seconds to wait for the clients. It must be less than terminationGracePeriodSeconds, of which it is a part.',
    }),
  },
  run: async (options) => (await import('./drain.ts')).drain(options),
});
