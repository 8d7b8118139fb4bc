import { flag } from '../../config/options/option-types.ts';
import type { Command } from '../../kernel/command.ts';
import type { FeatureList } from '../../kernel/feature.ts';
import { ADMIN, ADMIN_TOKEN_FILE, sidecarCommand } from '../sidecar-command.ts';

export function statusCommand(features: FeatureList): Command {
  return sidecarCommand({
    name: 'status',
    usage: ['status               shows models, versions, memory and queues of a running sidecar'],
    help: `pillion status: what a running sidecar serves

  pillion status
  pillion status --callers
  pillion status --json | jq '.models[].versions[0].memory'

One line per version: its state, where its runs happen, its weights (times the sessions that hold them), the memory that
it takes beside them, and the rows that wait. Ends with 0 if the sidecar is ready, else with 1.
`,
    options: {
      admin: ADMIN,
      admin_token_file: ADMIN_TOKEN_FILE,
      json: flag({ default: false, help: 'Prints the sidecar’s answer as it came, in JSON.' }),
      callers: flag({ default: false, help: 'Shows the callers that take most of the cores, in place of the models.' }),
    },
    run: async (options) => (await import('../status.ts')).status(options, (model) => features.modelNotes(model)),
  });
}
