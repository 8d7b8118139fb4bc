import { ADMIN, ADMIN_TOKEN_FILE, sidecarCommand } from '../../cli/sidecar-command.ts';
import { flag } from '../../config/options/option-types.ts';

export const modelsCommand = sidecarCommand({
  name: 'models',
  usage: ['models               lists the models of a running sidecar: versions, states, and why'],
  help: `pillion models: the models of a running sidecar

  pillion models
  pillion models --json | jq -r '.models[].name'

One line for each version: its state, its runtime, and why it is not served, or is served otherwise than its file says.
pillion status shows memory and queues. Ends with 0 if every model has a version that answers, else with 1.
`,
  options: {
    admin: ADMIN,
    admin_token_file: ADMIN_TOKEN_FILE,
    json: flag({ default: false, help: 'Prints the list in JSON.' }),
  },
  run: async (options) => (await import('./list-models.ts')).listServedModels(options),
});
