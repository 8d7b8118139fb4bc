import { integer, text, texts } from '../../config/options/option-types.ts';
import type { OptionTable } from '../../config/read-options.ts';

export const FLIGHT_RECORDER_OPTIONS = {
  flight_recorder_max_mib: integer({
    min: 0,
    max: 65_536,
    default: 16,
    help: 'Most memory in MiB for the requests of the last minutes that the admin port shows (GET /requests): at most 250 of each second, and about 2,000 a MiB. The last 512 requests, 256 slow and 256 failed ones come on top, and half as much memory again for the slow, the slowest and the failed requests of each minute of the last hour. 0 = none of all these.',
  }),
  flight_recorder_file: text({
    default: '',
    placeholder: 'FILE',
    help: 'A file that keeps slow and failed requests and the traffic of each model over restarts, for the console and `pillion requests`: without payloads, for its owner alone, made if it is not there. A server needs a file of its own. Empty = none.',
  }),
  flight_recorder_file_mib: integer({
    min: 1,
    max: 4096,
    default: 64,
    help: 'The size of a new --flight_recorder_file in MiB, which it never exceeds: the oldest goes first. A file that is there keeps its size.',
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
