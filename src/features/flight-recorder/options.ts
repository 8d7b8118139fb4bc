import { integer, text, texts } from '../../config/options/option-types.ts';
import type { OptionTable } from '../../config/read-options.ts';

export const FLIGHT_RECORDER_OPTIONS = {
  flight_recorder_max_mib: integer({
    min: 0,
    max: 65_536,
    default: 16,
    help: 'Most memory in MiB for the requests of the last minutes that the admin port shows (GET /requests): at most 250 of each second, and about 2,000 a MiB. The last 512 requests, 256 slow and 256 failed ones come on top. 0 = none of all these.',
  }),
  capture_payloads: text({
    default: 'off',
    oneOf: ['off', 'failed', 'all'],
    placeholder: 'off|failed|all',
    help: 'Keeps the inputs of Predict requests in memory, for GET /requests/ID/payload and `pillion replay`: of failed requests, or of all.',
  }),
  capture_inputs: texts({
    default: [],
    placeholder: 'NAME',
    help: 'An input whose values are captured; may be given several times. * = all inputs, and the answers. Of any other input, only dtype and shape are kept.',
  }),
  capture_max_mib: integer({
    min: 1,
    max: 65_536,
    default: 16,
    help: 'Most memory for captured payloads, in MiB. The oldest are dropped first.',
  }),
} satisfies OptionTable;
