import { text } from '../../config/options/option-types.ts';
import type { OptionTable } from '../../config/read-options.ts';

export const OVERLOAD_STATUS_OPTIONS = {
  overload_status: text({
    default: 'resource_exhausted',
    oneOf: ['resource_exhausted', 'unavailable'],
    placeholder: 'STATUS',
    help: 'The status of a request for which the server has too much to do, such as one that finds its queue full. resource_exhausted = RESOURCE_EXHAUSTED, and 429 over REST. unavailable = UNAVAILABLE, and 503, as in TensorFlow Serving and Triton, for clients that retry by these alone; a mesh may then take this server out of use.',
  }),
} satisfies OptionTable;
