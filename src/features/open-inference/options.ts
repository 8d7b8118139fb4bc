import { flag } from '../../config/options/option-types.ts';
import type { OptionTable } from '../../config/read-options.ts';

export const OPEN_INFERENCE_OPTIONS = {
  allow_client_settings: flag({
    default: false,
    help: 'Callers of the Open Inference Protocol may change the level of the log, and which requests are traced, until the process ends; with an authorization file, those whom it allows "settings". Files cannot be set (src/features/open-inference/README.md).',
  }),
} satisfies OptionTable;
