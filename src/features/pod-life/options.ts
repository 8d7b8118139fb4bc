import { flag } from '../../config/options/option-types.ts';
import type { OptionTable } from '../../config/read-options.ts';

export const POD_OPTIONS = {
  quitquitquit: flag({
    default: false,
    help: 'POST /quitquitquit on the operators’ server ends the server as SIGTERM does, with status 0: for the end of a Job’s application.',
  }),
} satisfies OptionTable;
