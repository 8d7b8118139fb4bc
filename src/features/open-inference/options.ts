import { flag, text } from '../../config/options/option-types.ts';
import type { OptionTable } from '../../config/read-options.ts';

export const OPEN_INFERENCE_OPTIONS = {
  allow_client_settings: flag({
    default: false,
    help: 'Callers of the Open Inference Protocol may change the level of the log, and which requests are traced, until the process ends; with an authorization file, those whom it allows "settings". Files cannot be set (src/features/open-inference/README.md).',
  }),
  ignore_stray_sequences: flag({
    default: false,
    help: 'Answers requests of the Open Inference Protocol that name a sequence of a model without state as any other, as Triton does, with one warning for each model. Without it they are refused.',
  }),
  server_name: text({
    default: 'pillion',
    otherName: 'id',
    placeholder: 'NAME',
    help: 'The name that the server’s metadata in the Open Inference Protocol have; clients may ask for it. pillion tritonserver has Triton’s own default, triton.',
  }),
} satisfies OptionTable;
